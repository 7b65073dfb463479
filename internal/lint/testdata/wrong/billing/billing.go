// Package billing has no layer.
package billing

// Customer is one.
type Customer struct{}
