package tmf_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gyro/api/access"
	"gyro/api/client"
	"gyro/api/hub"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/billing"
	"gyro/billing/dunning"
	"gyro/billing/payment"
	"gyro/catalog"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/provisioning"
)

// everything is the options of an office that serves all there is. Whoever adds a service adds it here.
func everything(t *testing.T, db *database.DB) tmf.Options {
	t.Helper()
	s, err := access.New(db, access.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lifts := dunning.New(dunning.Options{DB: db})
	sells := customer.New(db)
	orders, err := provisioning.New(provisioning.Options{DB: db, Customers: sells, Catalog: catalog.New(db, nil), Core: client.NewCharging("http://127.0.0.1:1", "")})
	if err != nil {
		t.Fatal(err)
	}
	return tmf.Options{
		Access: s, Hub: hub.New(db, hub.Options{}), Customers: sells, Orders: orders,
		Billing: billing.New(db, settledCore{}, billing.Options{}),
		Dunning: lifts, Payments: payment.New(payment.Options{DB: db, Moved: lifts.Lift}),
		Catalog: catalog.New(db, nil), Core: client.NewCharging("http://127.0.0.1:1", ""),
	}
}

// TestWhoMayDoWhat: testdata/tmf/roles.txt says of every route who may use it, and
// the server does as it says: every other role is refused, and so is nobody.
func TestWhoMayDoWhat(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	var table []rest.Endpoint
	c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
		all := everything(t, db)
		authenticator := o.Access
		o.StrangerRate = 100_000 // the table fails to prove who it is more often than anybody else
		all.Server = o
		server, err := tmf.New(all)
		if err != nil {
			return nil, err
		}
		table = server.Table()
		allRoutes = table
		// The same table again, with roles that the requests name.
		o.Access = authenticator
		for n := range table {
			if !slices.Contains(own, table[n].Path) {
				o.Sets = append(o.Sets, table[n])
			}
		}
		return rest.New(o)
	})
	lines := make([]string, len(table))
	for n := range table {
		e := &table[n]
		who := e.Roles.String()
		if e.Public {
			who = "public"
		}
		lines[n] = fmt.Sprintf("%-72s %s\n", e.Path+" "+e.Method, who)
		if e.Public {
			continue
		}
		path := strings.NewReplacer("{", "", "}", "").Replace(e.Path)
		c.Do(t, e.Method, path, "", "Authorization", "").Want(t, 401)
		for _, role := range access.Anyone.Names() {
			one, err := access.ParseRoles([]string{role})
			if err != nil {
				t.Fatal(err)
			}
			if one&e.Roles == 0 {
				c.Do(t, e.Method, path, "", "Authorization", "Bearer "+role).Want(t, 403)
			}
		}
	}
	slices.Sort(lines)
	tmftest.GoldenText(t, "roles", strings.Join(lines, ""))
}

// TestEveryResourceHasTheConventions, whoever wrote it, and whether or not it has a test of its own.
func TestEveryResourceHasTheConventions(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
			all := everything(t, db)
			authenticator := o.Access
			o.StrangerRate = 100_000
			all.Server = o
			server, err := tmf.New(all)
			if err != nil {
				return nil, err
			}
			for _, e := range server.Table() {
				if e.Resource() != nil {
					o.Sets = append(o.Sets, e)
				}
			}
			o.Access = authenticator
			return rest.New(o)
		})
		c.Conventions(t)
	})
}
