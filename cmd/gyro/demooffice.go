package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gyro/billing/books"
	"gyro/internal/config"
	"gyro/internal/demo"
	"gyro/internal/demo/thread"
	demodata "gyro/testdata/demo"
)

// demoOffice is the demo's office half and what surrounds it.
type demoOffice struct {
	surroundings *demo.Surroundings
	link         *coreLink
	half         *officeHalf
	secret, pay  string // that sign webhooks, and that the payment provider asks for
}

// openDemoSurroundings starts the processes that the office talks to, and has
// the configuration name them, but those that it names already. Their keys lie
// in a folder of the demo's. Without an office there are none.
func openDemoSurroundings(cfg *config.Config, work string) (*demoOffice, error) {
	o := &cfg.Office
	if !o.Enabled {
		return nil, nil //nolint:nilnil // none is asked for
	}
	if o.Elements.HSS != "" || o.Elements.PCRF != "" || o.Payment.Provider != "" {
		return nil, errors.New("--demo: office.elements and office.payment name real systems, and the demo has its own; leave them out")
	}
	d := &demoOffice{secret: "whsec_" + rand.Text(), pay: rand.Text()}
	o.Payment.KeyFile, o.Payment.WebhookSecretFile = filepath.Join(work, "payments.key"), filepath.Join(work, "payments.secret")
	for path, secret := range map[string]string{o.Payment.KeyFile: d.pay, o.Payment.WebhookSecretFile: d.secret} {
		if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
			return nil, err
		}
	}
	// What the elements keep belongs to the office's data.
	state := filepath.Join(cfg.Data, officeFolder, "elements")
	if err := os.MkdirAll(state, 0o750); err != nil {
		return nil, err
	}
	var err error
	if d.surroundings, err = demo.StartSurroundings(work, state); err != nil {
		return nil, err
	}
	o.Elements.HSS, o.Elements.PCRF, o.Payment.Provider = d.surroundings.HSS, d.surroundings.PCRF, d.surroundings.Payments
	return d, nil
}

// open starts the office beside a node that serves, puts what is sold into it and
// hands it to the demo. The payment provider is told where its webhooks go: now
// and then twice, and out of order.
func (d *demoOffice) open(ctx context.Context, cmd *cobra.Command, n *node, flags *demoFlags, options *demo.Options) (err error) {
	if d == nil {
		return nil
	}
	if d.link, err = openCoreLink(n); err != nil {
		return err
	}
	if d.half, err = startOffice(ctx, officeOptions{Config: n.cfg, Logger: n.logger, Core: d.link.client()}); err != nil {
		return err
	}
	if err := thread.Configure(ctx, d.surroundings.Payments, map[string]any{
		"webhook": d.url() + webhookPath, "secrets": []string{d.secret}, "api_key": d.pay,
		"duplicate": 200, "shuffle": 200, "shuffle_by": "300ms", "pending": 200, "late": "500ms",
	}); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(options.Out, "the office is up: %s, database %s; where to look:\n", d.url(), d.half.db.Dialect())
	options.Ended, options.Look = d.surroundings.Ended, d.look(n)
	for _, where := range options.Look {
		_, _ = fmt.Fprintln(options.Out, "  "+where)
	}
	key, err := secretFrom("the administrator's key", adminKeyFile(n.cfg.Data))
	if err != nil {
		return err
	}
	options.Office = thread.New(thread.Options{
		Office: d.url(), Key: key, HSS: d.surroundings.HSS, Catalogue: demodata.Office, For: flags.span,
		Prove: func() (int, []string, error) { return d.prove(cmd, n) },
	})
	return options.Office.Open(ctx)
}

// prove proves the books of the office, as gyro books verify does.
func (d *demoOffice) prove(cmd *cobra.Command, n *node) (int, []string, error) {
	office := newOfficeRemote()
	office.server, office.key = d.url(), adminKeyFile(n.cfg.Data)
	source := office.source(cmd, &remote{})
	source.Core = d.link.client()
	checks, err := books.Verify(cmd.Context(), source)
	var problems []string
	for k := range checks {
		for _, problem := range checks[k].Problems {
			problems = append(problems, checks[k].Name+": "+problem)
		}
	}
	return len(checks), problems, err
}

// look is where to look, and what to try.
func (d *demoOffice) look(n *node) []string {
	try := " --office " + d.url() + " --office-key-file " + adminKeyFile(n.cfg.Data)
	return []string{
		d.url() + "/api/docs",
		self() + " order list" + try,
		self() + " invoice list" + try,
		self() + " payment list" + try,
		self() + " dunning list" + try,
		self() + " invoice pdf 1" + try + "   (when the first bills are made, after some ten seconds)",
		"curl -X PUT " + d.surroundings.HSS + `/admin/faults -d '{"refuse":1000,"refuse_status":422,"limit":1}'   (its HSS refuses the next change, for ` + self() + " fallout list" + try + ")",
	}
}

// webhookPath is where the office takes in what the payment provider reports.
const webhookPath = "/office/v1/payment-webhook"

// url is the base URL of the office's API.
func (d *demoOffice) url() string { return "http://" + d.half.listener.Addr().String() }

// stop ends the office.
func (d *demoOffice) stop() error {
	if d == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	var errs []error
	if d.half != nil {
		errs = append(errs, d.half.stop(ctx))
	}
	if d.link != nil {
		errs = append(errs, d.link.stop(ctx))
	}
	return errors.Join(errs...)
}

// end ends what surrounds the office.
func (d *demoOffice) end() error {
	if d == nil {
		return nil
	}
	return d.surroundings.Stop()
}
