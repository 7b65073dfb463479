// Package tax turns the exact amounts of a bill into those that people pay: it
// rounds, finds the tax of each line by region, category and day, and sums up as
// EN 16931 wants it. It is pure; rates and the policy of each legal entity are
// data (default.yaml, or a file of the operator's).
//
// Rounding is half up, away from zero, to the currency's decimals. A policy
// rounds per line or per invoice, and prices hold tax or do not:
//
//   - rounding "line" (EN 16931, BR-CO-10): each line is rounded, the net amount is
//     the exact sum of the rounded lines.
//   - rounding "invoice": the exact amounts of a tax rate are summed and rounded
//     once; what lines show is apportioned so that it adds up to that.
//   - prices "exclusive": the tax of a rate is net x rate, rounded once for the
//     rate (BR-CO-17, BR-S-09).
//   - prices "inclusive": the tax of a rate is gross x rate/(1+rate), rounded once,
//     and net is what remains; the lines' net amounts are apportioned likewise.
//
// Apportioning is by running sums: the n-th line gets what the rounded sum of the
// first n lines adds to that of the first n-1. Nothing is left over.
//
// The rate of a line is the one on the last day of its period, when its supply is
// complete. A credit has the period, and so the rate, of what it corrects.
package tax
