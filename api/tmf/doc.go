// Package tmf is the API of the office: TM Forum's resources, one file each, and
// the endpoints under /office/v1 that TM Forum has no resource for. What they have
// in common is package rest, whose documentation shows how a resource is declared.
//
// A resource is added by a function in a file of its own, named after it, that
// returns a rest.Set (customers in customer.go), and by a line in Options.sets. Its
// test is one call of tmftest.Resource, which holds it against the conventions, its
// answers against TM Forum's definition, and against the golden bodies in
// testdata/tmf.
package tmf
