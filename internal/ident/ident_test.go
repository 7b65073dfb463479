package ident

import "testing"

func TestIdentitiesAsStockClientsSendThem(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		raw  string
		want string
	}{
		{E164, "+491720000001", "msisdn:491720000001"},
		{E164, "tel:+491720000001;phone-context=x", "msisdn:491720000001"},
		{IMSI, "001010000000001", "imsi:001010000000001"},
		{SIPURI, "sip:+491720000001@ims.example;user=phone", "msisdn:491720000001"},
		{SIPURI, "tel:+491720000001", "msisdn:491720000001"},
		{SIPURI, "sip:alice@ims.example;transport=udp", "sip_uri:sip:alice@ims.example"},
		{SIPURI, "sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org", "sip_uri:sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org"},
		{NAI, "001010000000001@nai.epc", "nai:001010000000001@nai.epc"},
	} {
		got, err := New(c.kind, []byte(c.raw))
		if err != nil || got.String() != c.want {
			t.Errorf("%s %q: %s, %v; want %s", c.kind, c.raw, got, err, c.want)
		}
	}
	for _, raw := range []string{"", "12", "1234567890123456", "49172x"} {
		if got, err := New(IMSI, []byte(raw)); err == nil {
			t.Errorf("IMSI %q became %s", raw, got)
		}
	}
}
