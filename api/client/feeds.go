package client

import (
	"encoding/json"
	"math/big"

	"gyro/internal/instant"
	"gyro/internal/money"
)

// UsagePage is a page of rated usage. Next is the cursor of the following one,
// Last the newest record of all: when Next has reached it, there is nothing more
// for now.
type UsagePage struct {
	Records []UsageRecord `json:"records"`
	Next    uint64        `json:"next"`
	Last    uint64        `json:"last"`
}

// UsageRecord is rated usage: a session's rating group, an event, or a refund.
type UsageRecord struct {
	Record         uint64          `json:"record"`
	Kind           string          `json:"kind"` // session, event or refund
	Cause          string          `json:"cause"`
	Account        string          `json:"account"`
	Subscriber     string          `json:"subscriber"` // an identity, as imsi:001010000000001
	SessionID      string          `json:"session_id"`
	SubSession     uint64          `json:"sub_session"`
	Called         string          `json:"called"`
	Context        uint32          `json:"context"`
	RatingGroup    *uint32         `json:"rating_group"`
	ServiceID      *uint32         `json:"service_id"`
	Service        string          `json:"service"`
	Offer          string          `json:"offer"`
	Catalog        string          `json:"catalog"`
	CatalogVersion uint32          `json:"catalog_version"`
	Opened         instant.Instant `json:"-"`
	Closed         instant.Instant `json:"-"`
	Requests       uint32          `json:"requests"`
	Unit           string          `json:"unit"`
	Used           uint64          `json:"used"`
	Billed         uint64          `json:"billed"` // rounded up to the price's steps
	Rated          uint64          `json:"rated"`  // what money paid for
	Currency       money.Currency  `json:"-"`
	// Charged is the money, negative for a refund; Excess is the part of it
	// that nothing could pay.
	Charged, Excess money.Amount `json:"-"`
	Free            bool         `json:"free"`
	Unrated         bool         `json:"unrated"`
	Postings        []Leg        `json:"postings"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *UsageRecord) UnmarshalJSON(data []byte) error {
	type plain UsageRecord
	w := struct {
		*plain
		Opened   *moment   `json:"opened"`
		Closed   *moment   `json:"closed"`
		Currency *currency `json:"currency"`
		Charged  *decimal  `json:"charged"`
		Excess   *decimal  `json:"excess"`
	}{
		(*plain)(v), (*moment)(&v.Opened), (*moment)(&v.Closed), (*currency)(&v.Currency), (*decimal)(&v.Charged), (*decimal)(&v.Excess),
	}
	return json.Unmarshal(data, &w)
}

// NoticePage is a page of notices; its cursor is as that of UsagePage.
type NoticePage struct {
	Notices []Notice `json:"notices"`
	Next    uint64   `json:"next"`
	Last    uint64   `json:"last"`
}

// Notice is a threshold that was reached, or a subscriber's move to another
// state of its life.
type Notice struct {
	Record     uint64          `json:"record"`
	Kind       string          `json:"kind"`
	Cause      string          `json:"cause"`
	At         instant.Instant `json:"-"`
	Account    string          `json:"account"`
	Subscriber string          `json:"subscriber"`
	Reason     string          `json:"reason"` // such as "data-cycle 80%" or "grace"
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Notice) UnmarshalJSON(data []byte) error {
	type plain Notice
	w := struct {
		*plain
		At *moment `json:"at"`
	}{(*plain)(v), (*moment)(&v.At)}
	return json.Unmarshal(data, &w)
}

// Books is the trial balance of the charging core.
type Books struct {
	Index      uint64            `json:"index"`
	At         instant.Instant   `json:"-"`
	Balanced   bool              `json:"balanced"`
	Totals     []LedgerTotal     `json:"totals"`
	Difference map[string]string `json:"difference"`
	Problems   []string          `json:"problems"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Books) UnmarshalJSON(data []byte) error {
	type plain Books
	w := struct {
		*plain
		At *moment `json:"at"`
	}{(*plain)(v), (*moment)(&v.At)}
	return json.Unmarshal(data, &w)
}

// LedgerTotal is what a ledger account, class:name, gained less what it lost.
type LedgerTotal struct {
	Account, Denomination string
	// Amount is in millionths of money, or in units; a total of many accounts
	// may leave 63 bits.
	Amount *big.Int
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *LedgerTotal) UnmarshalJSON(data []byte) error {
	var w struct{ Account, Denomination, Amount string }
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	v.Account, v.Denomination = w.Account, w.Denomination
	var err error
	v.Amount, err = total(w.Amount, w.Denomination)
	return err
}

// Explanation says why a record of usage charged what it did.
type Explanation struct {
	Record   uint64            `json:"record"`
	Request  map[string]string `json:"request"`
	Decided  *Decision         `json:"decided"` // nil where no tariff applied
	Price    string            `json:"price"`   // in the words of the tariff
	Cost     money.Amount      `json:"-"`
	Excess   money.Amount      `json:"-"`
	Currency money.Currency    `json:"-"`
	Words    []string          `json:"words"` // all of it in sentences
	// Document is the whole answer, with what was tried and the tiers.
	Document json.RawMessage `json:"-"`
}

// Decision is what priced a record.
type Decision struct {
	Catalog        string `json:"catalog"`
	CatalogVersion uint32 `json:"catalog_version"`
	Service        string `json:"service"`
	Offer          string `json:"offer"`
	Rule           string `json:"rule"`
	Zone           string `json:"zone"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Explanation) UnmarshalJSON(data []byte) error {
	type plain Explanation
	w := struct {
		*plain
		Cost     *decimal  `json:"cost"`
		Excess   *decimal  `json:"excess"`
		Currency *currency `json:"currency"`
	}{(*plain)(v), (*decimal)(&v.Cost), (*decimal)(&v.Excess), (*currency)(&v.Currency)}
	return json.Unmarshal(data, &w)
}
