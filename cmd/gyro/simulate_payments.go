package main

import (
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	payments "gyro/billing/payment/simulator"
	"gyro/internal/simulator"
)

// newSimulatePayments builds "gyro simulate payments".
func newSimulatePayments() *cobra.Command {
	p := &processFlags{}
	s := payments.Defaults()
	cmd := &cobra.Command{
		Use: "payments", Short: "Payment provider: charges by token, refunds, disputes, signed webhooks",
		SuggestFor: []string{"psp", "payment"}, Args: cobra.NoArgs, SilenceUsage: true,
		Long: `Payment provider: takes charges and refunds for tokens and reports by webhooks, signed and repeated until they are taken.

What becomes of a charge is decided by how its token begins: tok_declined, tok_insufficient, tok_late, tok_late_declined,
tok_silent (never answers), tok_disputed; any other tok_ succeeds at once, any other mnd_ (SEPA mandate) later.
What it acknowledged is on disk and there again after any end of the process.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.Webhook != "" && len(s.Secrets) == 0 {
				return errors.New("--webhook needs a --secret that signs, of at least 16 characters")
			}
			return p.serve(cmd, func(logger *slog.Logger) (*simulated, error) {
				provider, err := payments.Open(payments.Options{Path: p.state, Settings: s, Now: time.Now, Logger: logger})
				if err != nil {
					return nil, err
				}
				return &simulated{
					options: simulator.Options{
						Name: "payments", Handler: provider.Handler(), Subject: provider.Subject,
						Statistics: provider.Statistics, Admin: provider.Admin(),
					},
					run: provider.Run, close: provider.Close,
				}, nil
			})
		},
	}
	p.add(cmd, "127.0.0.1:8303", "gyro-payments.state")
	f := cmd.Flags()
	f.StringVar(&s.Webhook, "webhook", "", "`URL` that events are sent to (default: they wait)")
	f.StringArrayVar(&s.Secrets, "secret", nil, "signs webhooks; may be given twice while it is being replaced")
	f.StringVar(&s.APIKey, "api-key", "", "bearer token that requests must carry (default: none)")
	f.IntVar(&s.Pending, "pending", s.Pending, "`permille` of the charges that are pending first")
	f.DurationVar((*time.Duration)(&s.Late), "late", time.Duration(s.Late), "when pending charges are decided, and disputes begin")
	f.DurationVar((*time.Duration)(&s.Delay), "webhook-delay", time.Duration(s.Delay), "wait before an event is first sent")
	f.IntVar(&s.Duplicate, "webhook-duplicate", s.Duplicate, "`permille` of the events that are delivered twice")
	f.IntVar(&s.Shuffle, "webhook-shuffle", s.Shuffle, "`permille` of the events that are held back, so that later ones overtake them")
	f.DurationVar((*time.Duration)(&s.ShuffleBy), "webhook-shuffle-by", time.Duration(s.ShuffleBy), "how long they are held back")
	f.DurationVar((*time.Duration)(&s.RetryFirst), "webhook-retry", time.Duration(s.RetryFirst), "wait after the first delivery that failed; it doubles")
	f.DurationVar((*time.Duration)(&s.RetryMost), "webhook-retry-most", time.Duration(s.RetryMost), "longest wait between deliveries")
	f.Uint64Var(&s.Seed, "webhook-seed", s.Seed, "seed that decides which charges and events")
	return cmd
}
