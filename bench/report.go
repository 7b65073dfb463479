package bench

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// counters are what the server says of itself.
type counters struct {
	mallocs, batches, batchCommands float64
}

func (c *counters) scrape(api string) error {
	response, err := http.Get(api + "/metrics")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		switch name {
		case "go_memstats_mallocs_total":
			c.mallocs = number
		case "gyro_batch_commands_count":
			c.batches = number
		case "gyro_batch_commands_sum":
			c.batchCommands = number
		}
	}
	if c.batches == 0 || c.mallocs == 0 {
		return fmt.Errorf("%s/metrics lacks the counters that the benchmark needs", api)
	}
	return nil
}

// gate is the verdict in words.
func (r *Result) gate() string {
	switch {
	case !r.GateApplies:
		return fmt.Sprintf("not judged: it is stated for %d connections x %d in flight", gateConnections, gateInFlight)
	case r.GateMet:
		return fmt.Sprintf("best CPU ratio at most %.0f: met", r.GateRatio)
	}
	return fmt.Sprintf("best CPU ratio at most %.0f: not met", r.GateRatio)
}

// Print writes the result for people.
func (r *Result) Print(w io.Writer) {
	_, _ = fmt.Fprintf(w, `shape          %d connections x %d in flight, %d accounts and sessions, %d slices
octets         %d in, %d out, %.0f CCR a batch, %s
CCR/s          %.0f best slice, %.0f median     (echo %.0f, %.0f)
CPU per CCR    %.2f us best, %.2f median        (echo %.2f, %.2f)
CPU ratio      %.1f best, %.1f median
gate           %s
latency        p50 %v, p99 %v                    (echo %v, %v)
allocations    %.3f per CCR, everything in the process counted
answers        %d, of which %d were not granted
`,
		r.Connections, r.InFlight, r.Accounts, r.Slices,
		r.RequestOctets, r.AnswerOctets, r.BatchCommands, r.Sync,
		r.CCRPerSecond.Best, r.CCRPerSecond.Median, r.EchoPerSecond.Best, r.EchoPerSecond.Median,
		r.CPUPerCCR.Best/1e3, r.CPUPerCCR.Median/1e3, r.CPUPerEcho.Best/1e3, r.CPUPerEcho.Median/1e3,
		r.Ratio.Best, r.Ratio.Median, r.gate(),
		r.CCRLatency.P50, r.CCRLatency.P99, r.EchoLatency.P50, r.EchoLatency.P99,
		r.AllocationsPerCCR, r.Answers, r.Failures)
}
