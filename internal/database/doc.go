// Package database is where the office keeps its data: one SQLite file, or one PostgreSQL database. It is storage,
// transactions, the audit trail, the events that others follow and the durable jobs; it knows nothing of what an order or
// an invoice is.
//
// # Transactions
//
// DB.Write is the only way to change anything. Its function runs in one transaction and may run several times: it has no
// effect but through its Tx. What it did, the audit rows, the events and the jobs become true together or not at all, so
// there is no moment at which a kill leaves an order without the job that carries it out.
//
// On SQLite writers take turns (one connection, BEGIN IMMEDIATE); readers see the last commit and wait for nobody. On
// PostgreSQL a write runs at REPEATABLE READ: who reads a row, decides and changes it while another did the same gets a
// serialization failure, and Write runs it again. At READ COMMITTED every such place would need a lock by hand
// (SELECT ... FOR UPDATE, which SQLite does not have), and the one that was forgotten would lose an update on one of the
// two databases only. What remains possible is write skew: two transactions that read the same rows and change
// different ones. What must be unique is therefore a unique index, and what must be limited is a row that both change.
//
// # The end of a transaction
//
// What nobody in the transaction reads is left to its end and goes out together: audit rows, events, jobs, what Once is to
// remember, and rows and statements that say so (InsertLater, UpdateLater, Later). A read before does not see them; Flush
// carries them out at once. Decision 24 says what that saves.
//
// # Counters
//
// Tx.NextNumber, with which many writers meet at one row, would make REPEATABLE READ run most of them twice or more. A
// writer that was beaten there takes a lock of its series before its next transaction begins, and newcomers queue behind it.
//
// # Jobs
//
// Jobs are River's (docs/decisions says why); no other package imports it. RegisterJob names the worker of a kind,
// Tx.Enqueue inserts one, DB.StartJobs runs them. A job runs at least once: its effects are guarded by Tx.Once or by a
// unique row in the transaction of the effect.
package database
