// Package charge computes what an account owes for a cycle: recurring charges in
// advance and in arrears, their proration and the credits that correct them,
// discounts, one-time charges, usage and minimum commitments. It is pure: the
// same Input gives the same Draft, on every machine and as often as it is asked.
//
// Everything recurring is counted in calendar days of the account's time zone.
// A day counts from the day of the activation to the day before the end, so that
// on the day of a change of plan the new price holds and no day is paid twice; a
// day with 23 or 25 hours is a day.
//
// For each price there are two sets of days: those that the account is entitled
// to pay for (the product was active and not suspended) and those that it has
// been charged. A bill charges the days of the first that are not in the second
// and credits the days of the second that are no longer in the first, each credit
// naming the line that it takes back. That one rule is proration of activation,
// change of plan, suspension and termination alike, also when the office learns
// of them late.
//
// The charge of days [a,b) in a period of n days at the price p is
// c(b)-c(a) with c(x) = p*x/n rounded half to even to a millionth. The sum over a
// period does not depend on how it was split, and a credit returns to the
// millionth what was charged.
package charge
