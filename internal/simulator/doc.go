// Package simulator is what the simulated processes around the office have in
// common: a durable log of what they acknowledged, failures on demand, and an
// HTTP server that knows both. What a process simulates is in its own package.
//
// A simulated process is worth having when it fails as the real one does: it is
// slow, refuses, closes connections, leaves a request unanswered before or after
// it was carried out, and dies. It must never fail in other ways: what it
// acknowledged survives its death.
package simulator
