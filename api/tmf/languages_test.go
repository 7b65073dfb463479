package tmf_test

import (
	"slices"
	"testing"

	"gyro/billing/invoice"
	"gyro/customer"
)

// TestBillsSpeakWhatCustomersMaySpeak: a language that a customer may have and bills lack would be printed in English.
func TestBillsSpeakWhatCustomersMaySpeak(t *testing.T) {
	if !slices.Equal(invoice.Languages(), customer.Languages()) {
		t.Errorf("bills are printed in %v, customers may have %v", invoice.Languages(), customer.Languages())
	}
}
