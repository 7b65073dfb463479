// Package payment takes the customers' money and gives it back: payments
// through a provider or at the counter, allocation, refunds, chargebacks, and
// top-ups of prepaid accounts in the charging core.
//
// A payment through the provider is a row first. A job asks the provider,
// outside of any transaction and under a key made of the row's id, so that a
// request whose answer was lost is repeated without a second charge. What has
// become of it is told by webhooks, by the answer itself, and by the provider's
// list (Reconcile); all three are reports of one charge as it stood, and one
// function (absorb) takes them in. It may meet them twice and in any order:
//
//   - A payment is settled by the first report that says it succeeded. Success
//     is final: a report of a decline that arrives later is ignored. A payment
//     that is failed is settled all the same when the provider reports that it
//     has the money.
//   - A report that a charge was refunded or disputed says that it succeeded,
//     too: the payment is settled first, then refunded.
//   - A refund is known by the provider's id or by our key, and booked once.
//   - Of two reports about a dispute the one with the higher version holds,
//     whenever it comes: "won" before "opened" means that nothing moves.
//   - What names no payment of ours, or another amount, is parked for people
//     and booked nowhere.
//
// Money that comes in is the customer's credit, from which receivables are
// settled (billing/ledger). A top-up stays credit until the core has it.
package payment
