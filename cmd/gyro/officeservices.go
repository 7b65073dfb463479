package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"gyro/api/access"
	"gyro/api/client"
	"gyro/api/hub"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/billing"
	"gyro/billing/dunning"
	"gyro/billing/ledger"
	"gyro/billing/payment"
	"gyro/billing/run"
	"gyro/billing/tax"
	"gyro/catalog"
	"gyro/customer"
	"gyro/customer/sender"
	"gyro/internal/config"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/provisioning"
)

// services are the domains of the office, put together once.
type services struct {
	access    *access.Service
	hub       *hub.Service
	customers *customer.Service
	catalog   *catalog.Service
	payments  *payment.Service
	dunning   *dunning.Service
	orders    *provisioning.Service
	billing   *billing.Service
}

// openServices makes the services and registers their jobs, each after those
// that it stands on.
func (o *officeHalf) openServices(ctx context.Context, jobs *database.Jobs) (err error) {
	s, cfg := &o.services, &o.Config.Office
	if err := o.openAccess(); err != nil {
		return err
	}
	if err := o.keepAdministratorKey(ctx); err != nil {
		return err
	}
	s.customers = customer.New(o.db, customer.Brand(cfg.Brand), customer.TaxRegions(o.taxes.Regions()...))
	outbox, err := openOutbox(cfg)
	if err != nil {
		return err
	}
	outbox.Logger = o.Logger
	s.customers.RegisterJobs(jobs, outbox)
	s.customers.RegisterTerms(jobs, o.terms)
	s.catalog = catalog.New(o.db, o.Core)
	database.RegisterHousekeeping(jobs, o.db)
	s.dunning = dunning.New(dunning.Options{DB: o.db, Orders: dunningOrders{o}, Letter: o.letter, Charge: feeOnNextBill, Lifted: dunningOrders{o}.Lifted, Logger: o.Logger})
	s.dunning.Register(jobs)
	s.catalog.RegisterJobs(jobs)
	if s.orders, err = o.openOrders(); err != nil {
		return err
	}
	s.orders.RegisterJobs(jobs)
	if s.payments, err = o.openPayments(); err != nil {
		return err
	}
	s.payments.Register(jobs)
	s.billing = billing.New(o.db, o.Core, billing.Options{Run: run.Options{Tax: o.taxes, Logger: o.Logger}, Notify: o.letter, Logger: o.Logger})
	s.billing.Register(jobs)
	return nil
}

// mostOverdue is what an account may owe that is overdue and still be sold
// something new: nothing.
const mostOverdue = 0

// openOrders makes the service that takes orders and carries them out, on the
// elements that the configuration names.
func (o *officeHalf) openOrders() (*provisioning.Service, error) {
	elements, err := openElements(&o.Config.Office.Elements)
	if err != nil {
		return nil, err
	}
	return provisioning.New(provisioning.Options{
		DB: o.db, Customers: o.services.customers, Catalog: o.services.catalog, Core: o.Core, Elements: elements,
		Overdue: o.overdue, MostOverdue: mostOverdue, CycleEnd: endOfCycle, InDebt: dunning.InDebt, Logger: o.Logger,
	})
}

// overdue is what an account owes that was due before today and may be asked
// for.
func (o *officeHalf) overdue(ctx context.Context, q rest.Reader, account int64) (sum money.Amount, err error) {
	open, err := ledger.OpenReceivables(ctx, q, account)
	today := ledger.Day(o.db.Now())
	for k := range open {
		if open[k].DueOn < today {
			sum += open[k].Dunnable()
		}
	}
	return sum, err
}

// endOfCycle is when the billing cycle ends that an account is in.
func endOfCycle(a customer.BillingAccount, at instant.Instant) (instant.Instant, error) {
	_, until, err := billing.CycleOf(billing.Cycle{Day: a.CycleDay, Months: a.CycleMonths, TimeZone: a.TimeZone}, at)
	return until, err
}

// openOutbox is how messages to customers leave.
func openOutbox(cfg *config.Office) (o customer.Outbox, err error) {
	o.Webhook = sender.NewWebhook(sender.WebhookOptions{AllowPrivate: cfg.Webhook.AllowPrivate, Timeout: cfg.Webhook.Timeout})
	if cfg.SMTP.Address == "" {
		return o, nil
	}
	password, err := secretFrom("office.smtp.password_file", cfg.SMTP.PasswordFile)
	if err != nil {
		return o, err
	}
	o.Email, err = sender.NewSMTP(sender.SMTPOptions{
		Address: cfg.SMTP.Address, From: cfg.SMTP.From, Username: cfg.SMTP.Username, Password: password,
		Security: sender.Security(cfg.SMTP.TLS), Timeout: cfg.SMTP.Timeout,
	})
	if err != nil {
		return o, fmt.Errorf("office.smtp: %w", err)
	}
	return o, nil
}

// openPayments makes the service that takes payments, with the provider that the
// configuration names; without one, only those that are entered by hand.
func (o *officeHalf) openPayments() (*payment.Service, error) {
	options := payment.Options{DB: o.db, Core: payment.NewCore(o.Core, o.db.Now), Moved: o.services.dunning.Lift, Letter: o.letter, Logger: o.Logger}
	var err error
	if options.Provider, options.Verifier, err = openProvider(&o.Config.Office.Payment); err != nil {
		return nil, err
	}
	return payment.New(options), nil
}

// openTaxes reads the operator's tax rates and legal entities; "" is what comes
// with the program. A file that is wrong bills nobody: the office does not start
// with it, rather than with rates that nobody asked for.
func openTaxes(path string) (*tax.Config, error) {
	if path == "" {
		return tax.Default(), nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("office.taxes: %s does not exist; write tax rates and legal entities into it, or leave office.taxes empty for those of the program", path)
	}
	if err != nil {
		return nil, fmt.Errorf("office.taxes: %w", err)
	}
	c, err := tax.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("office.taxes: %s: %w", path, err)
	}
	return c, nil
}

// feeOnNextBill puts a dunning fee on the next bill; it is no supply, and not taxed.
func feeOnNextBill(ctx context.Context, tx *database.Tx, account int64, amount money.Amount, currency, glCode, description, key string) error {
	return billing.AddCharge(ctx, tx, billing.Charge{
		Account: account, Kind: billing.Debit, Amount: amount, Currency: currency, Description: description, TaxCategory: "zero", GLCode: glCode, Key: key,
	})
}

// letter tells the customer of an account something, once for its key. A name
// that an operator's own policy made up, and that no template has, is told to
// the log alone: it must not keep a payment or a suspension from happening.
func (o *officeHalf) letter(ctx context.Context, tx *database.Tx, account int64, template string, data map[string]string, key string) error {
	if !customer.HasTemplate(template) {
		o.Logger.Warn("there is no template of this name; the customer is not told", "template", template, "account", account, "key", key)
		return nil
	}
	return o.services.customers.Notify(ctx, tx, customer.Notification{AccountID: account, Template: template, Data: data, Key: key})
}

// keepAdministratorKey makes the first administrator's key of an office that has
// neither users nor keys, and leaves it where commands on this machine look.
func (o *officeHalf) keepAdministratorKey(ctx context.Context) error {
	file := adminKeyFile(o.Config.Data)
	made, err := o.services.access.Bootstrap(ctx, func(secret string) error { return writeSecret(file, secret) })
	if made {
		o.Logger.Info("the first administrator's key was made; commands on this machine find it", "file", file)
	}
	return err
}

// api is what the office's API serves.
func (s *services) api(server rest.Options, core *client.Charging) tmf.Options {
	return tmf.Options{
		Server: server, Access: s.access, Customers: s.customers, Core: core, Payments: s.payments, Dunning: s.dunning, Hub: s.hub, Catalog: s.catalog,
		Billing: s.billing, Orders: s.orders,
	}
}
