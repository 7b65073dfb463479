// Package nowhere has no layer.
package nowhere

// Customer is one.
type Customer struct{}
