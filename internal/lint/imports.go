package lint

import (
	"slices"
	"strings"
)

// layer says what the packages of a folder may import from this module.
type layer struct {
	folder string
	// may lists folders, with all that lies in them; anything in the folder itself may be imported as well.
	may      []string
	anything bool // lifts the bounds
	why      string
}

// ground is what everything may stand on: values without behaviour of their own.
var ground = []string{"internal/ident", "internal/instant", "internal/money", "internal/slab", "internal/wire"}

// domain is the charging domain as its edges see it. The edges are no part of it.
var domain = []string{
	"balance", "charging", "charging/session", "charging/usage", "rating",
	"internal/ident", "internal/instant", "internal/money", "internal/slab", "internal/wire",
}

// layers is the architecture, the longest folder that fits deciding. A package without a layer is a finding, so that
// nobody adds a folder without saying what it may know.
var layers = []layer{
	{folder: "internal/ident", why: "the ground stands on nothing"},
	{folder: "internal/instant", why: "the ground stands on nothing"},
	{folder: "internal/money", why: "the ground stands on nothing"},
	{folder: "internal/slab", why: "the ground stands on nothing"},
	{folder: "internal/wire", why: "the ground stands on nothing"},

	{folder: "balance", may: ground, why: "buckets and postings know neither sessions nor prices, so that they can be proved alone"},
	{folder: "rating", may: ground, why: "a price depends on the catalogue and the request, never on a balance or a session"},
	{folder: "charging/usage", may: join(ground, "balance"), why: "the usage record is the one thing that leaves the core; what reads it must not drag the core in"},
	{folder: "charging/session", may: join(ground, "balance"), why: "a session holds reservations; what they cost is decided above it"},
	{
		folder: "charging", may: join(ground, "balance", "rating", "charging/session", "charging/usage"),
		why: "the core decides from its state and the command alone: it knows no edge, no disk, no network",
	},
	{
		folder: "charging/engine", may: domain,
		why: "the shard loop drives the core; the journal, the store and the gateways' connections reach it as interfaces that it declares",
	},

	{folder: "charging/diameter", why: "the codec and the base protocol know bytes and peers, not charging, so that they are tested and fuzzed alone"},
	{
		folder: "charging/gy", may: join(domain, "charging/diameter"),
		why: "edges know the domain, never each other; this one speaks through the Diameter codec (docs/decisions)",
	},
	{folder: "charging/journal", may: []string{"internal/datadir"}, why: "the journal makes opaque entries durable; it knows nothing of charging"},
	{folder: "balance/store", may: []string{"internal/datadir"}, why: "the store keeps opaque keys and values; it knows nothing of charging"},
	{folder: "internal/datadir", why: "the rules of a data directory serve the journal and the store alike and know neither"},

	{folder: "internal/simulator", why: "what simulated processes have in common: a durable log, failures on demand, a server; the product does not import it"},
	{folder: "network/element/subscriberdata", may: []string{"internal/simulator", "network/element/repository"}, why: "a simulated HSS knows its own protocol and nothing of who speaks to it"},
	{folder: "network/element/policy", may: []string{"internal/simulator", "network/element/repository"}, why: "a simulated PCRF knows its own protocol and nothing of who speaks to it"},
	{folder: "network/element/repository", may: []string{"internal/simulator"}, why: "what the simulated HSS and PCRF have in common: documents about subscribers"},
	{folder: "provisioning/adapter", may: []string{"provisioning"}, why: "adapters speak an element's protocol and know of provisioning what it declares for them"},
	{
		folder: "billing/ledger", may: join(ground, "internal/refusal", "internal/database"),
		why: "the books know entries and open items, not who pays by what means or how a bill is made, so that they can be proved alone",
	},
	{
		folder: "billing/payment", may: join(ground, "api/client", "billing/ledger", "billing/payment/provider", "internal/refusal", "internal/database"),
		why: "payments stand on the books, speak to a provider, and move prepaid money in the core over its API; dunning reaches them as an interface that they declare",
	},
	{
		folder: "billing/books", may: join(ground, "api/client", "billing/ledger"),
		why: "it proves the books from outside: it reads rows and the core's API, and shares no code with those who wrote them but the ledger's words",
	},
	{
		folder: "billing/dunning", may: join(ground, "billing/ledger", "internal/refusal", "internal/database"),
		why: "dunning decides from open items and its policy; orders, letters and fees reach it as interfaces that it declares",
	},
	{folder: "billing/payment/provider", may: ground, why: "the protocol of a payment provider knows amounts and tokens, neither invoices nor accounts"},
	{folder: "billing/payment/simulator", may: join(ground, "billing/payment/provider", "internal/simulator"), why: "the simulated provider speaks the protocol from the other side; it knows nothing else of the office"},
	{
		folder: "catalog", may: join(ground, "api/client", "rating", "internal/database", "internal/refusal", "internal/zone"),
		why: "what is sold is checked with the core's own compiler, and published through the charging API like any client does; it knows no customer",
	},
	{folder: "network", why: "the network says what is down and since when; who pays for it is joined elsewhere. The simulated elements are worth most when they share no code with the server"},

	{
		folder: "api", may: join(domain, "charging/engine", "internal/strictjson", "internal/voucher", "internal/zone"),
		why: "edges know the domain, never each other; commands go in through the engine",
	},

	{
		folder: "api/tmf/tmftest", may: []string{"api/access", "api/rest", "internal/database", "internal/database/dbtest"},
		why: "tests of resources know the conventions; the resources come from the tests",
	},
	{folder: "api/client", may: ground, why: "the client knows the API's documents, not the server's code, as any other client does; amounts and moments are what they are everywhere"},
	{
		folder: "api/access", may: join(ground, "internal/database", "internal/refusal"),
		why: "who may do what is decided without knowing what there is to do, nor HTTP",
	},
	{
		folder: "api/hub", may: join(ground, "internal/database", "internal/outbound", "internal/refusal"),
		why: "whoever is told of events is not known to those whose events they are",
	},
	{
		folder: "api/rest", may: join(ground, "api/access", "internal/database", "internal/refusal", "internal/strictjson"),
		why: "the conventions of the Open APIs are the same for every resource; they know none",
	},

	{
		folder: "api/tmf", may: join(ground, "api/access", "api/client", "api/hub", "api/rest", "billing", "billing/charge", "billing/invoice", "billing/run", "billing/books", "billing/dunning", "billing/ledger", "billing/payment", "billing/payment/provider", "catalog", "customer", "provisioning", "internal/database", "internal/refusal", "internal/strictjson"),
		why: "the office's edge knows every domain of the office, and decides nothing",
	},

	{
		folder: "internal/demo", may: join(domain, "charging/engine", "internal/demo/thread", "internal/voucher", "network/element"),
		why: "the demo drives a running engine with simulated elements over the network; commands start the engine",
	},
	{folder: "internal/demo/thread", why: "the demo's customers reach the office over its API, as any program does"},
	{
		folder: "customer", may: join(ground, "customer/vatnumber", "internal/database", "internal/outbound", "internal/refusal", "internal/zone"),
		why: "everything else in the office stands on who buys; it knows neither what is sold nor what is billed",
	},
	{
		folder: "provisioning", may: join(ground, "api/client", "catalog", "customer", "internal/database", "internal/refusal", "internal/zone"),
		why: "orders and inventory stand on customers and the catalogue; elements and the charging core reach them as interfaces that they declare",
	},
	{folder: "internal/strictjson", why: "bodies are read the same way by every API"},
	{
		folder: "internal/coretest", may: join(domain, "charging/engine", "balance/store"),
		why: "a test's charging core is the real one, on a journal that keeps nothing",
	},
	{folder: "api/apitest", may: []string{"api", "api/client", "charging/engine", "internal/coretest"}, why: "tests of the API's clients talk to the real one"},
	{folder: "internal/outbound", why: "where strangers' addresses may lead is decided without knowing what is sent there"},
	{folder: "internal/refusal", why: "refusals are words; they know nobody"},
	{folder: "billing/charge", may: ground, why: "what is owed follows from the input alone, so that a dry run is the real one; no database, no clock"},
	{folder: "billing/invoice", may: join(ground, "billing/charge", "billing/tax", "internal/refusal", "internal/database"), why: "documents are read and printed; what is on them was decided before"},
	{folder: "billing/population", may: join(ground, "internal/database"), why: "a made-up population is rows; it knows nothing of what is made of them"},
	{
		folder: "billing/run", may: join(ground, "billing/charge", "billing/tax", "billing/invoice", "billing/ledger", "internal/refusal", "internal/database", "internal/zone"),
		why: "a run reads what others wrote and stores bills; it reaches the core and the customers by jobs",
	},
	{folder: "billing/usage", may: join(ground, "api/client", "internal/database"), why: "the intake asks the core over HTTP as anybody does, and knows billing accounts by their names"},
	{
		folder: "billing", may: join(ground, "api/client", "billing/charge", "billing/tax", "billing/invoice", "billing/ledger", "billing/run", "billing/usage", "internal/refusal", "internal/database", "internal/zone"),
		why: "what others ask of billing; the core is reached over HTTP, customers by a function that is given",
	},
	{folder: "billing/tax", may: join(ground, "billing/charge"), why: "tax and rounding follow from the lines and the configuration alone"},
	{folder: "customer/vatnumber", why: "whether a number can be a VAT number follows from its digits alone"},
	{folder: "testdata", why: "files that go into the binary"},
	{folder: "internal/voucher", why: "makes codes from randomness; the core has their hashes only"},
	{folder: "internal/zone", may: []string{"internal/instant"}, why: "the time-zone database enters here and nowhere else"},
	{folder: "internal/certificate", why: "files of certificates are the same to every listener"},
	{folder: "internal/database", may: ground, why: "the office's storage knows transactions and jobs, never what an order or an invoice is"},
	{
		folder: "internal/database/dbtest", may: []string{"internal/database", "internal/database/cluster"},
		why: "tests of the office run on both databases, and get them here",
	},
	{folder: "internal/database/cluster", why: "a PostgreSQL server that is thrown away knows nothing of what is kept in it"},
	{folder: "internal/config", may: ground, why: "configuration is read before anything exists that it could know"},
	{folder: "internal/lint", why: "the rules of the house look at the code from outside"},
	{
		folder: "bench", may: []string{"charging/diameter", "billing/charge", "billing/population", "billing/run", "internal/database", "internal/database/cluster"},
		why: "the benchmark of charging starts the real program and measures it from outside, sharing the codec only; that of invoices carries the run out itself",
	},
	{folder: "cmd", anything: true, why: "only commands wire"},
}

// restricted says where a library may be used.
type restricted struct {
	library string
	in      []string
	why     string
}

var libraries = []restricted{
	{
		library: "github.com/fiorix/go-diameter", in: []string{"network/element"},
		why: "it spends some 290 allocations a message and panics on wrongly typed AVPs in groups: it is the independent codec of simulated elements and tests, never of the server",
	},
	{
		library: "github.com/cockroachdb/pebble", in: []string{"charging/journal", "balance/store", "internal/datadir", "internal/coretest"},
		why: "what is durable is decided behind the journal and the store, below whose file system a failed write stops the process; tests need its file system in memory",
	},
	{library: "github.com/coreos/go-oidc", in: []string{"api/access"}, why: "tokens of an issuer are checked where roles are given"},
	{library: "github.com/santhosh-tekuri/jsonschema", in: []string{"api/tmf/tmftest"}, why: "TM Forum's definitions are held against answers by tests; the server does not carry them"},
	{library: "github.com/hashicorp/raft", in: []string{"charging/journal"}, why: "replication is the journal's business alone"},
	{library: "github.com/spf13/cobra", in: []string{"cmd"}, why: "only commands parse flags"},
	{library: "github.com/valyala/fasthttp", in: []string{"api"}, why: "HTTP is an edge"},
	{
		library: "github.com/uptrace/bun",
		in:      []string{"internal/database", "customer", "catalog", "provisioning", "billing", "api/tmf", "api/access", "api/hub", "api/rest"},
		why:     "queries belong to the packages whose tables they are about",
	},
	{library: "github.com/jackc/pgx", in: []string{"internal/database"}, why: "which database it is, is decided in one place"},
	{library: "modernc.org/sqlite", in: []string{"internal/database"}, why: "which database it is, is decided in one place"},
	{library: "github.com/pressly/goose", in: []string{"internal/database"}, why: "the schema is brought up to date by whoever opens the database"},
	{library: "github.com/riverqueue/river", in: []string{"internal/database"}, why: "a job is inserted by the transaction it belongs to; which queue does that is decided in one place"},
	{library: "net/http", in: []string{"api", "bench", "internal/simulator", "network/element", "provisioning/adapter", "billing/payment", "internal/demo/thread", "customer/sender", "internal/outbound"}, why: "HTTP is an edge"},
	{library: "log", in: []string{"charging/journal"}, why: "logs are structured: use log/slog (the journal adapts the logger that raft wants)"},
}

func join(base []string, more ...string) []string { return slices.Concat(base, more) }

// layerOf returns the layer of a folder, nil if it has none.
func layerOf(folder string) (found *layer) {
	for k := range layers {
		if l := &layers[k]; within(folder, l.folder) && (found == nil || len(l.folder) > len(found.folder)) {
			found = l
		}
	}
	return found
}

func (l *layer) allows(folder string) bool {
	target := layerOf(folder)
	switch {
	case target == l:
		return true // within the same folder
	case l.anything:
		return true
	case target == nil:
		return false
	}
	// A folder that has a layer of its own is not covered by the permission for the one around it: charging does not
	// stand for charging/diameter.
	return slices.ContainsFunc(l.may, func(allowed string) bool { return layerOf(allowed) == target })
}

// CheckImports holds the packages' imports against the architecture.
func CheckImports(packages []Package) []Finding {
	var found findings
	for k := range packages {
		p := &packages[k]
		l := layerOf(p.folder())
		if l == nil {
			found.add("layer", p.ImportPath, "no layer: say in internal/lint/imports.go what this folder may import, and why")
			continue
		}
		for _, imported := range p.Imports {
			checkImport(&found, p, l, imported)
		}
	}
	return found.sorted()
}

func checkImport(found *findings, p *Package, l *layer, imported string) {
	if imported == modulePath || strings.HasPrefix(imported, modulePath+"/") {
		target := Package{ImportPath: imported}
		if !l.allows(target.folder()) {
			found.add("import", p.ImportPath, "imports %s, which %s may not: %s", imported, l.folder, l.why)
		}
		return
	}
	for _, r := range libraries {
		if within(imported, r.library) && r.library != "log" || imported == r.library {
			if !within(p.folder(), r.in...) {
				found.add("library", p.ImportPath, "imports %s, which belongs to %s: %s", imported, strings.Join(r.in, ", "), r.why)
			}
		}
	}
	if isPure(p.folder()) && !slices.Contains(pureImports, imported) && !slices.Contains(pureExceptions[p.folder()], imported) {
		found.add("pure", p.ImportPath, "imports %s: a pure package takes only what can neither wait, nor look at a clock, nor reach outside; see pureImports in internal/lint/purity.go", imported)
	}
}
