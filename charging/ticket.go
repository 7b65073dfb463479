package charging

// Recipient is where the outcome of a credit-control request goes: one
// connection of a gateway. It is called once its batch is durable, from one
// goroutine, and must not block.
type Recipient interface {
	// Answer appends the answer to the recipient's output. The command and
	// the outcome are valid during the call only. It reports whether the
	// recipient wants a Flush after the batch.
	Answer(t *Ticket, request *CreditControl, outcome *Outcome) (flush bool)
	// Flush sends what Answer appended, with one write.
	Flush()
}

// Ticket is what an edge needs back to answer a request. It never enters the
// journal: after a restart nobody waits for the answer.
type Ticket struct {
	To       Recipient
	From     *Share // whose turn it is, nil for one who is never too many
	Extra    []byte // to be returned with the answer, for example Proxy-Info
	Arrived  int64  // monotonic nanoseconds, for the latency metric
	HopByHop uint32
	EndToEnd uint32
	Flags    uint8 // header flags of the request, the edge's own bits above
}

// Share is how much of the collecting batch one peer has taken, over all its
// connections. An edge keeps one for each peer and gives it with each ticket;
// what is in it belongs to the engine.
type Share struct {
	Batch    uint64 // which batch the other two are about
	Commands int
	Octets   int
}
