package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gyro/billing/payment/provider"
	"gyro/internal/config"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/provisioning"
)

// TestTheOfficeReachesWhatIsConfigured: the elements by their names, the provider with its key, its webhooks with either
// secret.
func TestTheOfficeReachesWhatIsConfigured(t *testing.T) {
	t.Parallel()
	hss, pcrf := simulate(t, "hss"), simulate(t, "pcrf")
	pay := simulate(t, "payments", "--api-key", "key-of-the-office")
	elements, err := openElements(&config.Elements{HSS: hss.url(), PCRF: pcrf.url(), Timeout: 3 * time.Second})
	if err != nil || len(elements) != 2 {
		t.Fatal(elements, err)
	}
	for n, want := range []string{"hss", "pcrf"} {
		op := provisioning.Operation{Key: "task-1", Kind: provisioning.OperationCreate, IMSI: "262010000000001", MSISDN: "491710000001", Profile: "basic"}
		if err := elements[n].Apply(t.Context(), op); err != nil || elements[n].Name() != want {
			t.Errorf("%s: %v", elements[n].Name(), err)
		}
	}
	if hss.subscriber("262010000000001")["subscriberStatus"] != "SERVICE_GRANTED" || pcrf.subscriber("262010000000001")["status"] != "ACTIVE" {
		t.Error("they do not show it")
	}
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	p, verifier, err := openProvider(&config.Payment{
		Provider: pay.url(), KeyFile: file("key", "key-of-the-office\n"), WebhookSecretFile: file("secrets", "the-present-secret\nthe-next-secret\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	charge, err := p.Charge(t.Context(), provider.ChargeRequest{Key: "payment-1", Token: "tok_visa", Amount: 11_900_000, Currency: money.EUR})
	if err != nil || charge.State != provider.Succeeded {
		t.Errorf("%+v, %v", charge, err)
	}
	now, body := instant.Of(time.Now()), []byte(`{"id":"evt_1","type":"payment.succeeded","charge":{"id":"ch_1","currency":"EUR","state":"succeeded"}}`)
	for _, secret := range []string{"the-present-secret", "the-next-secret"} {
		if _, err := verifier.Verify(provider.Sign([]string{secret}, body, now), body, now); err != nil {
			t.Error(secret, err)
		}
	}
	for want, c := range map[string]config.Payment{
		"does not exist": {Provider: pay.url(), KeyFile: filepath.Join(folder, "none")},
		"3 secrets":      {Provider: pay.url(), WebhookSecretFile: file("many", "a\nb\nc\n")},
	} {
		if _, _, err := openProvider(&c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if p, v, err := openProvider(&config.Payment{}); p != nil || len(v.Secrets) > 0 || err != nil {
		t.Errorf("none configured: %v %v %v", p, v, err)
	}
}
