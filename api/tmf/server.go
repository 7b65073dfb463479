package tmf

import (
	"strings"

	"gyro/api/access"
	"gyro/api/hub"
	"gyro/api/rest"
	"gyro/billing"
	"gyro/billing/dunning"
	"gyro/billing/payment"
	"gyro/catalog"
	"gyro/customer"
	"gyro/provisioning"
)

// Options say what the office's API serves. A service that is nil has no endpoints.
type Options struct {
	// Server is how it is served; its Sets are added to.
	Server rest.Options
	// Access tells who asks, and has the endpoints by which people and programs are let in.
	Access *access.Service
	// Hub tells listeners what happens; whoever makes it runs it.
	Hub *hub.Service
	// Customers are parties, customers and billing accounts.
	Customers *customer.Service
	// Core is asked for balances, of which TMF654 tells with Customers; without it none are shown.
	Core Core
	// Orders are product orders, the inventory and the pools.
	Orders *provisioning.Service
	// Payments and Dunning come with the receivables journal; both or none.
	Payments *payment.Service
	Dunning  *dunning.Service
	// Catalog is what is sold: TMF620, and the publication of catalogue documents.
	Catalog *catalog.Service
	// Billing makes bills and takes usage in.
	Billing *billing.Service
}

// New prepares the server of the office's API.
func New(o Options) (*rest.Server, error) {
	if o.Access != nil {
		o.Server.Access = o.Access
	}
	o.Server.Sets = append(o.Server.Sets, o.sets()...)
	if o.Hub != nil {
		o.Server.Collectors = append(o.Server.Collectors, o.Hub.Collectors()...)
	}
	if o.Billing != nil {
		o.Server.Collectors = append(o.Server.Collectors, o.Billing.Collectors()...)
	}
	server, err := rest.New(o.Server)
	if err == nil && o.Hub != nil {
		o.Hub.SetDocument(server.Document)
	}
	return server, err
}

// sets is everything that is served, by domain.
func (o *Options) sets() []rest.Set {
	sets := []rest.Set{audit()}
	if o.Access != nil {
		sets = append(sets, people{o.Access, strings.HasPrefix(o.Server.PublicURL, "https:")}, users{o.Access}, keys{o.Access}, approvals{o.Access})
	}
	if o.Hub != nil {
		sets = append(sets, listeners{o.Hub})
	}
	if o.Customers != nil {
		sets = append(sets, individuals(o.Customers), organizations(o.Customers), customers(o.Customers), billingAccounts(o.Customers), care{o.Customers, o.Core})
	}
	if o.Orders != nil {
		sets = append(sets, productOrders(o.Orders), cancelProductOrders(o.Orders), products(o.Orders), fulfilment{o.Orders})
	}
	if o.Payments != nil {
		sets = append(sets, payments(o.Payments), refunds(o.Payments), receivables{o.Payments, o.Dunning}, dunnings{o.Dunning}, ledgers{}, proofs{})
	}
	if o.Catalog != nil {
		sets = append(sets, catalogs(), categories(o.Catalog), offerings(o.Catalog), prices(), specifications(o.Catalog), offers{o.Catalog})
	}
	if o.Billing != nil {
		sets = append(sets, bills(), rates(), billsOnDemand(o.Billing), usages(), usageSpecifications(), invoices{o.Billing}, invoiceRuns{o.Billing})
	}
	if o.Core != nil && o.Customers != nil {
		b := balances{o.Customers, o.Core, o.Payments}
		sets = append(sets, b.bucket(), b.accumulated(), b.topUps(), b.adjustments(), b.history())
	}
	return sets
}
