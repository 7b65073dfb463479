package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"gyro/network/element"
)

// newSimulateCommand builds "gyro simulate": simulated network elements that put Diameter Gy/Ro traffic on a server.
func newSimulateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Simulate what surrounds the server: gateways, elements that are provisioned, a payment provider",
		Long: `Simulate what surrounds the server, each a process of its own.

hss and pcrf are elements that orders are activated on; payments is a payment provider. Each keeps what it acknowledged,
and fails as it is told to.

pgw, ims and smsc ask an online charging system for credit over Diameter Gy/Ro, obey what they are granted and check the
answers. They work against any server of that interface.

Voice and data are consumed as fast as --rate demands, not in real time. SIGINT or SIGTERM terminates all sessions
(CCR-T), disconnects (DPR) and prints the final report; another one, a second or more later, exits at once.`,
	}
	cmd.AddCommand(
		newSimulateElement(element.PGW, "Packet gateway: data sessions, 32251@3gpp.org", pgwFlags, "smf", "ggsn", "pcef"),
		newSimulateElement(element.IMS, "Call server: voice calls, 32260@3gpp.org", imsFlags, "cscf", "s-cscf", "tas"),
		newSimulateElement(element.SMSC, "Short message centre: messages, 32274@3gpp.org", smscFlags, "sms"),
		newSimulateHSS(), newSimulatePCRF(), newSimulatePayments(),
	)
	return cmd
}

// simulation is what the flags of a simulate command say.
type simulation struct {
	options      element.Options
	report       string
	usageLog     string
	ratingGroups []uint
	join         bool
}

// newSimulateElement builds the command of one kind of element; suggestFor are the names of network functions that do the
// same.
func newSimulateElement(kind element.Kind, short string, own func(*cobra.Command, *simulation), suggestFor ...string) *cobra.Command {
	s := &simulation{options: element.Options{Kind: kind}}
	cmd := &cobra.Command{
		Use: string(kind), Short: short, SuggestFor: suggestFor, Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	s.commonFlags(cmd)
	own(cmd, s)
	return cmd
}

func (s *simulation) commonFlags(cmd *cobra.Command) {
	o, f := &s.options, cmd.Flags()
	defaults := element.Options{Kind: o.Kind}
	defaults.EnsureDefaults()
	f.StringVar(&o.Connect, "connect", "127.0.0.1:3868", "server's `host:port`")
	f.IntVar(&o.Rate, "rate", defaults.Rate, "CCRs a second, retransmissions included")
	f.IntVar(&o.Sessions, "sessions", defaults.Sessions, "sessions held open at once")
	f.IntVar(&o.InFlight, "in-flight", defaults.InFlight, "unanswered CCRs, at most")
	f.IntVar(&o.Subscribers, "subscribers", defaults.Subscribers, "number of subscribers")
	f.StringVar(&o.IMSIBase, "imsi-base", defaults.IMSIBase, "IMSI of the first subscriber")
	f.StringVar(&o.MSISDNBase, "msisdn-base", defaults.MSISDNBase, "E.164 number of the first subscriber, without +")
	f.BoolVar(&s.join, "join", false, "subscribers join while it runs: each line of standard input is an IMSI and an MSISDN, and nobody else begins a session")
	f.DurationVar(&o.For, "for", 0, "how long to simulate (0: until a signal)")
	f.IntVar(&o.Requests, "requests", 0, "CCRs after which its sessions are ended, however long they take (0: no end)")
	f.DurationVar(&o.DieAfter, "die-after", 0, "exit without CCR-T and DPR after this time, leaving sessions hanging (0: never)")
	f.StringVar(&o.OriginHost, "origin-host", defaults.OriginHost, "Origin-Host")
	f.StringVar(&o.OriginRealm, "origin-realm", defaults.OriginRealm, "Origin-Realm")
	f.StringVar(&o.DestinationRealm, "destination-realm", "", "Destination-Realm (default: origin realm)")
	f.StringVar(&o.DestinationHost, "destination-host", "", "Destination-Host (default: none)")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the traffic model")
	f.IntVar(&o.RetransmitPermille, "retransmit", 0, "`permille` of the CCRs that are sent twice, with the T flag")
	f.DurationVar(&o.Tx, "tx", defaults.Tx, "wait for an answer")
	f.DurationVar(&o.Watchdog, "watchdog", defaults.Watchdog, "Tw of RFC 3539, at least 6s")
	f.DurationVar(&o.DrainTimeout, "drain-timeout", defaults.DrainTimeout, "wait for the CCR-Ts at the end")
	f.StringVar(&s.report, "report", "text", "report on stdout each second: json or text")
	f.StringVar(&s.usageLog, "usage-log", "", "write what every closed session used to this `file` (JSON lines)")
}

func pgwFlags(cmd *cobra.Command, s *simulation) {
	f := cmd.Flags()
	f.StringVar((*string)(&s.options.Style), "style", string(element.Open5GS), "open5gs, pgw, staros or mixed")
	f.StringVar(&s.options.APN, "apn", "internet", "Called-Station-Id")
	f.UintSliceVar(&s.ratingGroups, "rating-groups", []uint{10, 20, 30}, "rating groups of the pgw style")
	f.IntSliceVar(&s.options.Access, "access", []int{6}, "3GPP-RAT-Types: that of a session's begin, and those it changes to")
	f.IntVar(&s.options.AccessPermille, "access-change", 0, "`permille` of a session's turns before which the radio access changes")
	f.StringSliceVar(&s.options.Visited, "visited", nil, "networks of roaming subscribers: MCC and MNC in digits")
	f.IntVar(&s.options.RoamingPermille, "roaming", 0, "`permille` of the sessions in a visited network")
	f.DurationVar(&s.options.Patience, "patience", 0, "how long a subscriber who is led to a portal stays there, unless an RAR comes (0: ask again at once)")
	f.Uint64Var(&s.options.MaxDemandOctets, "max-octets", 64<<20, "most octets a rating group of a session wants")
	f.IntVar(&s.options.OverusePermille, "overuse", 0, "`permille` of the exhausted quotas that are exceeded")
}

func imsFlags(cmd *cobra.Command, s *simulation) {
	f := cmd.Flags()
	f.StringSliceVar(&s.options.Destinations, "destinations", nil, "E.164 numbers; a trailing * is completed by drawn digits (default: a mix)")
	f.IntVar(&s.options.OnNetPermille, "on-net", 0, "`permille` of the calls from or to another of the subscribers")
	f.IntVar(&s.options.TerminatingPermille, "terminating", 200, "`permille` of the calls that come in")
	f.UintSliceVar(&s.ratingGroups, "rating-group", nil, "Rating-Group of the calls (default: none is sent)")
	f.IntVar(&s.options.OverusePermille, "overuse", 0, "`permille` of the exhausted quotas that are exceeded")
}

func smscFlags(cmd *cobra.Command, s *simulation) {
	f := cmd.Flags()
	f.StringSliceVar(&s.options.Destinations, "destinations", nil, "E.164 numbers; a trailing * is completed by drawn digits (default: a mix)")
	f.IntVar(&s.options.OnNetPermille, "on-net", 0, "`permille` of the messages to another of the subscribers")
	f.IntVar(&s.options.ECURPermille, "ecur", 200, "`permille` of the messages charged by reserve and debit, not at once")
	f.UintSliceVar(&s.ratingGroups, "rating-group", nil, "Rating-Group of the messages (default: none is sent)")
}

func (s *simulation) run(ctx context.Context, out io.Writer) error {
	o := &s.options
	for name, value := range map[string]int{"rate": o.Rate, "sessions": o.Sessions, "in-flight": o.InFlight, "subscribers": o.Subscribers} {
		if value < 1 { // element.Options takes 0 for its default
			return fmt.Errorf("--%s %d: must be at least 1", name, value)
		}
	}
	o.TerminatingPermille, o.ECURPermille = orNone(o.TerminatingPermille), orNone(o.ECURPermille)
	for _, group := range s.ratingGroups {
		if uint64(group) > 1<<32-1 {
			return fmt.Errorf("rating group %d: is an Unsigned32", group)
		}
		o.RatingGroups = append(o.RatingGroups, uint32(group))
	}
	onReport, err := reportWriter(s.report, out)
	if err != nil {
		return err
	}
	o.OnReport = onReport
	o.Logger = slog.Default().With("element", string(o.Kind))
	if s.usageLog != "" {
		file, err := os.Create(s.usageLog)
		if err != nil {
			return fmt.Errorf("usage log: %w", err)
		}
		o.UsageLog = file
		return errors.Join(s.simulate(ctx), file.Close())
	}
	return s.simulate(ctx)
}

// orNone keeps a share of 0 apart from one that was not given.
func orNone(permille int) int {
	if permille == 0 {
		return -1
	}
	return permille
}

func (s *simulation) simulate(ctx context.Context) error {
	var joined chan element.Subscriber
	if s.join {
		joined = make(chan element.Subscriber)
		s.options.Join = joined
	}
	e, err := element.New(s.options)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	if joined != nil {
		go func() {
			if err := element.ReadSubscribers(ctx, os.Stdin, joined); err != nil {
				s.options.Logger.Error("nobody else joins", "error", err)
			}
		}()
	}
	_, err = e.Run(ctx)
	return err
}

func reportWriter(format string, out io.Writer) (func(element.Report), error) {
	switch format {
	case "json":
		encoder := json.NewEncoder(out)
		return func(r element.Report) { _ = encoder.Encode(r) }, nil // a closed stdout must not end the traffic
	case "text":
		return func(r element.Report) { _, _ = fmt.Fprintln(out, r.String()) }, nil
	default:
		return nil, fmt.Errorf("report %q: use json or text", format)
	}
}
