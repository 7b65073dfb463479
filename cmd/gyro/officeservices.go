package main

import (
	"context"

	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/catalog"
	"gyro/customer"
	"gyro/internal/database"
)

// services are the domains of the office, put together once.
type services struct {
	customers *customer.Service
	catalog   *catalog.Service
}

// openServices makes the services and registers their jobs, each after those
// that it stands on.
func (o *officeHalf) openServices(_ context.Context, jobs *database.Jobs) error {
	s := &o.services
	s.customers = customer.New(o.db, customer.Brand(o.Config.Office.Brand))
	s.customers.RegisterJobs(jobs, customer.Outbox{Logger: o.Logger})
	s.catalog = catalog.New(o.db, o.Core)
	return nil
}

// api is what the office's API serves.
func (s *services) api(server rest.Options) tmf.Options {
	return tmf.Options{Server: server}
}
