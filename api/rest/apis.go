package rest

// API is one of TM Forum's Open APIs, version 4.
type API struct {
	// Number is TM Forum's, such as 629.
	Number int
	// Base is the path under which it lies, without a slash behind.
	Base string
	// Title is TM Forum's.
	Title string
	// Definition is the file of its Swagger 2.0 definition.
	Definition string
}

// The APIs that are served, at the base paths of their definitions. TMF676 says
// /payment/v4; it lies beside the others here.
var (
	TMF620 = API{620, "/tmf-api/productCatalogManagement/v4", "Product Catalog Management", "TMF620-ProductCatalog-v4.1.0.json"}
	TMF622 = API{622, "/tmf-api/productOrderingManagement/v4", "Product Ordering", "TMF622-ProductOrdering-v4.0.0.json"}
	TMF629 = API{629, "/tmf-api/customerManagement/v4", "Customer Management", "TMF629-Customer-v4.0.0.json"}
	TMF632 = API{632, "/tmf-api/party/v4", "Party Management", "TMF632-Party-v4.0.0.json"}
	TMF635 = API{635, "/tmf-api/usageManagement/v4", "Usage Management", "TMF635-Usage-v4.0.0.json"}
	TMF637 = API{637, "/tmf-api/productInventory/v4", "Product Inventory", "TMF637-ProductInventory-v4.0.0.json"}
	TMF654 = API{654, "/tmf-api/prepayBalanceManagement/v4", "Prepay Balance Management", "TMF654-PrepayBalance-v4.0.0.json"}
	TMF666 = API{666, "/tmf-api/accountManagement/v4", "Account Management", "TMF666-Account-v4.0.0.json"}
	TMF676 = API{676, "/tmf-api/paymentManagement/v4", "Payment Management", "TMF676-Payment-v4.0.0.json"}
	TMF678 = API{678, "/tmf-api/customerBillManagement/v4", "Customer Bill Management", "TMF678-CustomerBill-v4.0.0.json"}
)

// APIs are those that are served, by number.
var APIs = []API{TMF620, TMF622, TMF629, TMF632, TMF635, TMF637, TMF654, TMF666, TMF676, TMF678}
