package element

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// Subscriber is somebody who joins while an element runs.
type Subscriber struct{ IMSI, MSISDN string }

// mayJoin bounds the subscribers who join: enough for a day of a demo.
const mayJoin = 1_000_000

// ReadSubscribers hands on those that r names, an IMSI and an MSISDN a line, as
// they come. It ends with r, with ctx, or with a line that names nobody.
func ReadSubscribers(ctx context.Context, r io.Reader, joined chan<- Subscriber) error {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		who := strings.Fields(lines.Text())
		if len(who) != 2 || !isNumber(who[0]) || !isNumber(who[1]) {
			return fmt.Errorf("line %d, %q: want an IMSI and an MSISDN, up to 15 digits each", n, lines.Text())
		}
		select {
		case <-ctx.Done():
			return nil
		case joined <- Subscriber{who[0], who[1]}:
		}
	}
	return lines.Err()
}

// isNumber reports whether a number is one of E.164 or E.212.
func isNumber(digits string) bool {
	return digits != "" && len(digits) <= 15 && strings.Trim(digits, "0123456789") == ""
}

// join lets a subscriber use the network from now on.
func (e *Element) join(s Subscriber) {
	if len(e.roster) < mayJoin {
		e.roster = append(e.roster, subscriber{imsi: s.IMSI, msisdn: s.MSISDN})
	}
}

// drawSubscriber draws who begins a session.
func (e *Element) drawSubscriber(rng *rand.Rand) subscriber {
	if e.o.Join != nil {
		return e.roster[rng.IntN(len(e.roster))]
	}
	return e.o.subscriber(rng.Uint64N(uint64(e.o.Subscribers)))
}
