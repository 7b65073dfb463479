package tmf_test

import (
	"bytes"
	"net/http"
	"regexp"
	"testing"

	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/customer"
	"gyro/internal/database"
)

func startCustomers(t *testing.T, db *database.DB) *tmftest.Client {
	t.Helper()
	return tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
		return tmf.New(tmf.Options{Server: o, Customers: customer.New(db)})
	})
}

const (
	partyBase    = "/tmf-api/party/v4"
	customerPath = "/tmf-api/customerManagement/v4/customer"
	accountPath  = "/tmf-api/accountManagement/v4/billingAccount"
)

func TestIndividuals(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		startCustomers(t, db).Resource(t, tmftest.Case{
			Path: partyBase + "/individual", Golden: "individual",
			Create: []string{
				`{"givenName":"Ada","familyName":"Lang","birthDate":"1970-01-01","languageAbility":[{"languageCode":"de","isFavouriteLanguage":true}],
				  "contactMedium":[{"mediumType":"email","preferred":true,"characteristic":{"emailAddress":"ada@example.org"}},
				  {"mediumType":"phone","characteristic":{"phoneNumber":"+49 30 901820"}},
				  {"mediumType":"postalAddress","characteristic":{"street1":"Hauptstr. 1","postCode":"10827","city":"Berlin","country":"DE"}}]}`,
				`{"familyName":"Holm","individualIdentification":[{"identificationId":"12/345","identificationType":"taxId"}]}`,
				`{"familyName":"Aal","status":"deceaded"}`,
			},
			Patch: `{"familyName":"Lang-Meyer","contactMedium":[{"mediumType":"email","characteristic":{"emailAddress":"ada@example.net"}}]}`,
		})
	})
}

func TestOrganizations(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		startCustomers(t, db).Resource(t, tmftest.Case{
			Path: partyBase + "/organization", Golden: "organization",
			Create: []string{
				`{"name":"Nord AG","organizationIdentification":[{"identificationId":"DE811128135","identificationType":"taxId"}],
				  "partyCharacteristic":[{"name":"language","value":"de"}],
				  "contactMedium":[{"mediumType":"email","characteristic":{"emailAddress":"bills@nord.example"}},{"mediumType":"phone","characteristic":{"phoneNumber":"+4930901820"}}]}`,
				`{"name":"Sued GmbH"}`, `{"name":"West eG","status":"validated"}`,
			},
			Patch: `{"status":"validated","name":"Nord SE"}`,
		})
	})
}

func TestCustomers(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		api := startCustomers(t, db)
		api.Do(t, "POST", partyBase+"/individual", `{"givenName":"Ada","familyName":"Lang"}`).Want(t, http.StatusCreated)
		api.Do(t, "POST", partyBase+"/organization", `{"name":"Nord AG"}`).Want(t, http.StatusCreated)
		api.Do(t, "POST", customerPath, `{"engagedParty":{"id":"1","@referredType":"Individual"},"name":"Ada at home"}`).Want(t, http.StatusCreated)
		api.Do(t, "POST", accountPath, `{"name":"home","relatedParty":[{"id":"1","role":"customer","@referredType":"Customer"}],"currency":"EUR","taxRegion":"DE"}`).Want(t, http.StatusCreated)
		api.Resource(t, tmftest.Case{
			Path: customerPath, Golden: "customer",
			Create: []string{
				`{"engagedParty":{"id":"1","@referredType":"Individual"}}`,
				`{"engagedParty":{"id":"2","@referredType":"Organization"},"name":"Nord AG Berlin","status":"initial"}`,
				`{"engagedParty":{"id":"2","@referredType":"Organization"},"characteristic":[{"name":"segment","value":"residential"}]}`,
			},
			Patch: `{"name":"Ada L.","status":"suspended","characteristic":[{"name":"segment","value":"business"}]}`,
		})
		api.Do(t, "POST", customerPath, `{"engagedParty":{"id":"9","@referredType":"Individual"}}`).Want(t, http.StatusBadRequest)
	})
}

func TestBillingAccounts(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		api := startCustomers(t, db)
		api.Do(t, "POST", partyBase+"/organization", `{"name":"Nord AG","organizationIdentification":[{"identificationId":"DE811128135","identificationType":"taxId"}],
			"contactMedium":[{"mediumType":"email","characteristic":{"emailAddress":"bills@nord.example"}}]}`).Want(t, http.StatusCreated)
		api.Do(t, "POST", customerPath, `{"engagedParty":{"id":"1","@referredType":"Organization"}}`).Want(t, http.StatusCreated)
		const owner = `"relatedParty":[{"id":"1","name":"Nord AG","role":"customer","@referredType":"Customer"}]`
		api.Resource(t, tmftest.Case{
			Path: accountPath, Golden: "billing-account",
			Create: []string{
				`{"name":"group",` + owner + `,"currency":"EUR","taxRegion":"DE-reverse","timeZone":"Europe/Berlin","creditLimit":{"unit":"EUR","value":500},
				  "billStructure":{"cycleSpecification":{"name":"monthly","isRef":false,"billingPeriod":"monthly","dateShift":4,"paymentDueDateOffset":30}}}`,
				`{"name":"branch",` + owner + `,"currency":"EUR","taxRegion":"DE","accountRelationship":[{"relationshipType":"parent","account":{"id":"1","name":"group"},"validFor":{}},
				  {"relationshipType":"payer","account":{"id":"1","name":"group"},"validFor":{}}]}`,
				`{"name":"cards",` + owner + `,"accountType":"prepaid","currency":"EUR","taxRegion":"DE",
				  "billStructure":{"presentationMedia":[{"name":"none","isRef":false}]}}`,
			},
			Patch: `{"name":"Group","creditLimit":{"unit":"EUR","value":750.50},"billStructure":{"cycleSpecification":{"dateShift":14}}}`,
		})

		// Another customer's account pays when that is said, and from then on.
		api.Do(t, "POST", customerPath, `{"engagedParty":{"id":"1","@referredType":"Organization"},"name":"Nord AG abroad"}`).Want(t, http.StatusCreated)
		pays := func(word string) string {
			return `{"name":"abroad","relatedParty":[{"id":"2","role":"customer","@referredType":"Customer"}],"currency":"EUR","taxRegion":"DE",
				"accountRelationship":[{"relationshipType":"payer","account":{"id":"1"},"validFor":{}` + word + `}]}`
		}
		api.Do(t, "POST", accountPath, pays("")).Want(t, http.StatusUnprocessableEntity)
		abroad := api.Do(t, "POST", accountPath, pays(`,"otherCustomer":true`)).Want(t, http.StatusCreated)
		id := regexp.MustCompile(`"id":\s*"([0-9]+)"`).FindSubmatch(abroad.Body)
		if len(id) != 2 || !bytes.Contains(abroad.Body, []byte(`"otherCustomer":`)) {
			t.Fatalf("%s", abroad.Body)
		}
		api.Do(t, "PATCH", accountPath+"/"+string(id[1]), `{"name":"Far abroad"}`).Want(t, http.StatusOK)
	})
}
