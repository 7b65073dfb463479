// Package charging is the deterministic core: State.Apply turns a batch of
// commands into outcomes, balance movements and rated usage records, the same
// on every machine and at every replay. Time is stamped on the batch,
// catalogues arrive as commands; no clock, randomness, goroutine, float, map
// order or IO enters.
package charging
