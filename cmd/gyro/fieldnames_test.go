package main

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestErrorsNameFlags: what the API says of a field is said of the flag or argument that it came from.
func TestErrorsNameFlags(t *testing.T) {
	for line, fields := range map[string]map[string]string{
		"customer create --family-name A": {
			"account.taxRegion": "--tax-region: ", "account.billStructure.cycleSpecification.dateShift": "--cycle-day: ", "account.creditLimit.unit": "--currency: ",
			"individual.contactMedium[0].characteristic.emailAddress": "--email: ", "individual.birthDate": "birth date: ", "Idempotency-Key": "--idempotency-key: ",
		},
		"payment take 1 5": {"account.id": "ACCOUNT: ", "totalAmount.value": "AMOUNT: ", "totalAmount.unit": "--currency: ", "paymentMethod.id": "--method: "},
		"order place --account 1 --add x": {
			"billingAccount.id": "--account: ", "productOrderItem[0].productOffering.id": "--add: ", "requestedStartDate": "--start: ",
			"productOrderItem[1].productOffering.id": "item 2, --add: ", "line 1, column 144: requestedStartDate": "--start: ", "externalId": "--external-id: ",
		},
		"order place --account 1 --end 7":      {"productOrderItem[0].product.id": "--end: ", "billing_account.id": "--account: ", "productOrderItem[0].product.productCharacteristic.effective": "--when: "},
		"order place --account 1 --change 7=x": {"productOrderItem[0].product.id": "--change: ", "productOrderItem[0].productOffering.id": "--change: "},
		"invoice run --as-of 2030-01-01":       {"asOf": "--as-of: ", "line 1, column 10: asOf": "--as-of: "},
		"invoice run --cycle 2030-12":          {"asOf": "--cycle: "},
		"fallout retry 9":                      {"id": "TASK: "},
		"customer account add 7":               {"relatedParty[0].id": "CUSTOMER: ", "terms_days": "--terms: ", "line 3, column 4: nobodysField": "line 3, column 4: nobodysField: "},
		"invoice charge 1 5 --for x":           {"amount": "AMOUNT: ", "currency": "--currency: ", "X-Approver-Key": "GYRO_APPROVER_KEY: "},
		"receivables statement 1":              {"from": "--from: "},
		"receivables write-off 1":              {"reason": "--reason: "},
		"access key add x --roles a":           {"roles": "--roles: ", "name": "NAME: "},
		"pool load --numbers 49172001":         {"first": "--numbers: ", "count": "--count: "},
	} {
		for field, want := range fields {
			base, _ := answering(t, http.StatusBadRequest, `{"code":"invalid_value","field":"`+field+`","message":"`+field+`: it is wrong; mend it"}`)
			t.Setenv(officeVariable, base)
			root := newRootCommand()
			root.SetArgs(strings.Fields(line))
			root.SetOut(io.Discard)
			root.SetErr(io.Discard)
			err := root.ExecuteContext(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), want+"it is wrong; mend it") {
				t.Errorf("gyro %s, %s: %v, want %q", line, field, err, want)
			}
		}
	}
}

// TestAnEmptyListSaysWhatToDo, in the words in which the program was called; programs get the list.
func TestAnEmptyListSaysWhatToDo(t *testing.T) {
	for line, want := range map[string]string{
		"payment list":                 "none yet: a payment comes from a customer's card when a bill is due, or by hand: " + os.Args[0] + " payment take\n",
		"payment list --status failed": "none that fits; without flags, all there are\n",
		"payment list --limit 5":       "none yet: ",
		"payment list --json":          "[]",
		"invoice list":                 "none yet: bills are made by " + os.Args[0] + " invoice run",
		"fallout list":                 "none: no order needs a person",
		"fallout list --json":          "[]\n",
		"access key list":              "NAME  ROLES",
		"dunning list":                 "none: " + os.Args[0] + " dunning run found no account",
		"order list":                   "none yet: " + os.Args[0] + " order place",
		"customer list":                "none yet: " + os.Args[0] + " customer create",
	} {
		body := "[]"
		switch what, _, _ := strings.Cut(line, " "); what {
		case "invoice":
			body = `{"invoices":[],"total":0}`
		case "access", "dunning", "fallout":
			body = `{"items":[]}`
		}
		base, _ := answering(t, http.StatusOK, body)
		t.Setenv(officeVariable, base)
		if got := saidBy(t, strings.Fields(line)...); !strings.HasPrefix(got, want) {
			t.Errorf("gyro %s: %q, want %q", line, got, want)
		}
	}
	base, _ := answering(t, http.StatusNotFound, `{"code":"invoice_unknown","field":"id","message":"id: there is no invoice 1: give its number"}`)
	t.Setenv(officeVariable, base)
	if got := saidBy(t, strings.Fields("invoice pdf 1")...); !strings.Contains(got, "there is no invoice 1") || !strings.Contains(got, os.Args[0]+" invoice list shows") {
		t.Error(got)
	}
}
