package main

import (
	"context"
	"fmt"
	"strings"

	"gyro/api/access"
	"gyro/api/hub"
	"gyro/internal/config"
)

// openAccess makes what says who asks, and what tells listeners.
func (o *officeHalf) openAccess() error {
	cfg := &o.Config.Office
	issuer, err := openIssuer(&cfg.OIDC)
	if err != nil {
		return err
	}
	if o.services.access, err = access.New(o.db, access.Options{PublicURL: cfg.PublicURL, OIDC: issuer, Logger: o.Logger}); err != nil {
		return err
	}
	o.services.hub = hub.New(o.db, hub.Options{AllowPrivate: cfg.Webhook.AllowPrivate, Timeout: cfg.Webhook.Timeout, Logger: o.Logger})
	return nil
}

// openIssuer is the issuer that the configuration names, nil if it names none.
func openIssuer(c *config.OIDC) (*access.OIDC, error) {
	if c.Issuer == "" {
		return nil, nil //nolint:nilnil // no issuer is one of the choices
	}
	o := &access.OIDC{Issuer: c.Issuer, Audience: c.Audience, RoleClaim: c.RoleClaim, Roles: map[string]access.Roles{}}
	for pair := range strings.SplitSeq(c.Roles, ",") {
		word, name, found := strings.Cut(strings.TrimSpace(pair), "=")
		if !found || word == "" {
			return nil, fmt.Errorf("office.oidc.roles: %q is not WORD=ROLE; write bss-finance=finance,bss-admin=administrator", pair)
		}
		roles, err := access.ParseRoles([]string{name})
		if err != nil {
			return nil, fmt.Errorf("office.oidc.roles: %w", err)
		}
		o.Roles[word] |= roles
	}
	return o, nil
}

// tellListeners tells them until stop.
func (o *officeHalf) tellListeners() {
	ctx, cancel := context.WithCancel(context.Background())
	o.untell, o.told = cancel, make(chan struct{})
	go func() {
		defer close(o.told)
		o.services.hub.Run(ctx)
	}()
}
