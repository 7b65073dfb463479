package api

import (
	"encoding/json"
	"strings"
	"testing"

	"gyro/charging"
	"gyro/internal/money"
	"gyro/internal/voucher"

	"github.com/cockroachdb/datadriven"
)

// configure puts settings of the operations on a balance in force: those that
// the JSON names, over the defaults.
func (c *core) configure(t *testing.T, text string) {
	t.Helper()
	settings := charging.DefaultSettings()
	if err := json.Unmarshal([]byte(text), &settings.Money); err != nil {
		t.Fatal(err)
	}
	c.must(t, charging.KindConfigure, settings)
}

// vouchers adds a batch of the codes that the input lists, as gyro voucher make
// does.
func (c *core) vouchers(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	salt := []byte("salt of a script")
	batch := &charging.Vouchers{Salt: salt}
	var amount, until string
	d.ScanArgs(t, "batch", &batch.Batch)
	d.MaybeScanArgs(t, "amount", &amount)
	d.MaybeScanArgs(t, "until", &until)
	d.MaybeScanArgs(t, "catalog", &batch.Terms.Catalog)
	d.MaybeScanArgs(t, "allowance", &batch.Terms.Allowance)
	codes := strings.Fields(d.Input)
	batch.Terms.Count = uint32(len(codes))
	d.MaybeScanArgs(t, "count", &batch.Terms.Count)
	if amount != "" {
		var err error
		if batch.Terms.Amount, err = money.Parse(amount, money.EUR.Exponent()); err != nil {
			t.Fatal(err)
		}
		batch.Terms.Currency = money.EUR
	}
	var err error
	if batch.Terms.Until, err = parseMoment("until", until); err != nil {
		t.Fatal(err)
	}
	for _, code := range codes {
		batch.Hashes = append(batch.Hashes, voucher.Hash(code, salt)...)
	}
	c.must(t, charging.KindVouchers, batch)
	return ""
}

// must carries a command out that has to succeed.
func (c *core) must(t *testing.T, kind charging.Kind, command any) {
	t.Helper()
	reply, err := c.Do(t.Context(), kind, command)
	if err != nil || reply.Result != charging.Success {
		t.Fatalf("%v: %s, %v", kind, reply.Detail, err)
	}
}
