package bench

import _ "embed"

// Catalog is the catalogue that the benchmark rates by. It is apart from the
// demo operator's, so that this can change and measurements stay comparable.
//
//go:embed catalog.yaml
var Catalog []byte
