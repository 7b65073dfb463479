package catalog

// audited is what the audit trail says of an offer: with its amounts in the decimals of their currencies. Of no amount it says nothing.
func (o *Offering) audited() any {
	type (
		price struct {
			*Price
			Amount string `json:"amount"`
		}
		discount struct {
			*Discount
			Amount string `json:"amount,omitempty"`
		}
	)
	is := struct {
		*Offering
		MinimumCommitment string     `json:"minimum_commitment,omitempty"`
		Prices            []price    `json:"prices,omitempty"`
		Discounts         []discount `json:"discounts,omitempty"`
	}{Offering: o}
	if o.MinimumCommitment != 0 {
		is.MinimumCommitment = o.MinimumCommitment.In(o.Currency)
	}
	for k := range o.Prices {
		p := &o.Prices[k]
		is.Prices = append(is.Prices, price{p, p.Amount.In(p.Currency)})
	}
	for k := range o.Discounts {
		d := &o.Discounts[k]
		written := discount{Discount: d}
		if d.Amount != 0 {
			written.Amount = d.Amount.In(o.Currency)
		}
		is.Discounts = append(is.Discounts, written)
	}
	return is
}
