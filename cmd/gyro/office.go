package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gyro/api/client"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/billing/tax"
	"gyro/internal/config"
	"gyro/internal/database"
)

// officeReadyMessage is logged when the office serves and works on its jobs.
const officeReadyMessage = "the office is up"

// officeFolder is what the office keeps below the data directory: its database,
// where that is SQLite, and the administrator's key.
const officeFolder = "office"

// officeOptions are what startOffice needs.
type officeOptions struct {
	Config *config.Config
	Logger *slog.Logger
	// Core is the charging API: this process's own, or a remote one.
	Core *client.Charging
	Now  func() time.Time // nil is the system's clock
}

// officeHalf is the office half at work: database, services, jobs and API.
type officeHalf struct {
	officeOptions
	listener net.Listener
	db       *database.DB
	taxes    *tax.Config
	services services
	server   *rest.Server
	served   chan error
	// untell ends the telling of listeners; told is closed when it has ended.
	untell context.CancelFunc
	told   chan struct{}
}

// startOffice binds the listener, opens the database, brings its schema up to
// date, and serves. When it fails, what it opened is closed again.
func startOffice(ctx context.Context, options officeOptions) (_ *officeHalf, err error) {
	o := &officeHalf{officeOptions: options, served: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.stop(ctx))
		}
	}()
	cfg := &o.Config.Office
	if o.taxes, err = openTaxes(cfg.Taxes); err != nil {
		return nil, err
	}
	var settings *tls.Config
	if cfg.TLS.Cert != "" {
		if settings, err = tlsConfig("office.tls", cfg.TLS, o.Logger); err != nil {
			return nil, err
		}
	}
	if o.listener, err = listen("office.listen", cfg.Listen); err != nil {
		return nil, err
	}
	if err = os.MkdirAll(o.folder(), 0o750); err != nil {
		return nil, fmt.Errorf("office: %w", err)
	}
	if o.db, err = database.Open(ctx, database.Options{URL: databaseURL(o.Config), Clock: o.Now, Logger: o.Logger}); err != nil {
		return nil, fmt.Errorf("office.database: %w", err)
	}
	jobs := database.NewJobs()
	if err = o.openServices(ctx, jobs); err != nil {
		return nil, err
	}
	approval, err := config.Amounts(cfg.ApprovalAbove)
	if err != nil {
		return nil, fmt.Errorf("office.approval_above: %w", err)
	}
	if o.server, err = tmf.New(o.services.api(rest.Options{
		DB: o.db, PublicURL: cfg.PublicURL, TLS: settings, BehindProxy: cfg.BehindProxy, Logger: o.Logger,
		ApprovalAbove: approval,
	}, o.Core)); err != nil {
		return nil, err
	}
	if err = o.db.StartJobs(ctx, jobs); err != nil {
		return nil, err
	}
	o.tellListeners()
	o.server.SetReady(true)
	go func() { o.served <- o.server.Serve(o.listener) }()
	o.Logger.Info(officeReadyMessage, "office", o.listener.Addr().String(), "database", string(o.db.Dialect()), "core", o.Core.Server)
	return o, nil
}

func (o *officeHalf) folder() string { return filepath.Join(o.Config.Data, officeFolder) }

// databaseURL is where the office keeps its data.
func databaseURL(cfg *config.Config) string {
	if cfg.Office.Database != "" {
		return cfg.Office.Database
	}
	return "sqlite:" + filepath.Join(cfg.Data, officeFolder, "office.db")
}

// stop takes no more requests, answers those that were taken, lets the jobs at
// work end and closes the database. A job that does not end in time is carried
// out again after the next start, as after a kill.
func (o *officeHalf) stop(ctx context.Context) error {
	var errs []error
	switch {
	case o.server != nil:
		errs = append(errs, o.server.Shutdown(ctx))
		fallthrough
	case o.listener != nil:
		if err := o.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if o.untell != nil {
		o.untell()
		<-o.told
	}
	if o.db != nil {
		errs = append(errs, o.db.StopJobs(ctx), o.db.Close())
	}
	return errors.Join(errs...)
}

// run serves until ctx ends or the listener does, and stops cleanly.
func (o *officeHalf) run(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
		o.Logger.Info("the office stops: answering what was taken")
	case err = <-o.served:
		err = fmt.Errorf("the office's listener ended: %w", err)
	}
	drain, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	err = errors.Join(err, o.stop(drain))
	o.Logger.Info("the office has stopped")
	return err
}

// adminKeyFile is where the first start leaves the administrator's key.
func adminKeyFile(data string) string { return filepath.Join(data, officeFolder, "admin.key") }

// writeSecret writes a secret into a file that only its owner reads: whole, or
// not at all.
func writeSecret(path, secret string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.WriteString(secret + "\n")
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// secretFrom reads a secret of one line from a file; "" names none.
func secretFrom(key, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %s does not exist; write the secret into it, on one line", key, path)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", fmt.Errorf("%s: %s is empty; write the secret into it, on one line", key, path)
	}
	return secret, nil
}
