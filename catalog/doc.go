// Package catalog is what the operator sells: specifications, offers, prices,
// discounts and their relations (TMF 620), in versions.
//
// # One source for both halves
//
// A catalogue is one document that the operator writes and keeps under version
// control. Compile makes two things of it: the office's rows, and the source of
// a catalogue for the charging core. Fees of prepaid offers are in the core's,
// where they are taken from the balance; postpaid offers have none there, for
// billing charges them. So neither half can know an offer that the other one
// does not, and no price is written twice.
//
// # Publication
//
// A document is checked when it is submitted, with the compiler and the tests
// that the core will run. Publish schedules it; a durable job gives the core
// its source, with the moment at which it takes effect, and then writes the
// office's rows, valid from the same moment on. Both halves switch by the
// clock, not by the job: whoever is killed between the two steps finds a job
// that repeats the first one, which the core answers without doing anything.
// What the core refuses is in neither half.
//
// Rows are never changed to mean something else: an offer that changes gets a
// new version, and products keep the version that they were ordered with.
package catalog
