// Package provider is the office's side of a payment service provider: what the
// office may ask of one (Provider), a client that asks over HTTP, and the check
// and parsing of the webhooks with which the provider reports what has come of
// it. It knows neither invoices nor accounts: a reference that the office gave
// comes back, and whoever gave it knows what it stands for.
//
// Cards and mandates are known by tokens alone. A card number has no place
// here, and the client refuses to send one.
package provider
