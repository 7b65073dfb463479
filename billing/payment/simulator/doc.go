// Package simulator is a simulated payment service provider: it takes charges
// and refunds for tokens, decides them by what the token is called, and reports
// by signed webhooks that it repeats until they are taken; on demand late,
// twice and out of order. What it acknowledged, and what it still has to
// report, is in its file. It holds no card data and refuses card numbers.
package simulator
