// Package demo embeds the demo operator, so that gyro up --demo needs nothing
// but the binary.
package demo

import _ "embed"

// Catalog is the demo operator's catalogue.
//
//go:embed catalog.yaml
var Catalog []byte

// Office is what the demo operator sells, for the office.
//
//go:embed office.yaml
var Office []byte

// Operator is the demo operator's customers, as internal/demo reads them.
//
//go:embed operator.yaml
var Operator []byte
