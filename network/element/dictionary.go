package element

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"fmt"
	"slices"
	"sync"

	"github.com/fiorix/go-diameter/v4/diam/dict"
)

//go:embed dictionary.xml
var extraDictionary []byte

// vendor3GPP is the Vendor-Id of 3GPP.
const vendor3GPP = 10415

// creditControl is the application of RFC 8506 and of 3GPP Gy/Ro.
const creditControl = 4

// A Dictionary names the AVPs and commands of Diameter: those go-diameter brings (base, credit control, 3GPP Ro/Rf, Gx, Rx,
// S6a, S13, SWx, NAS) and those it lacks (RFC 8506, newer TS 32.299, names of result codes). It does not change once loaded.
type Dictionary struct {
	parser *dict.Parser
	exact  map[avpKey]*dict.AVP
	any    map[vendorCode]*dict.AVP
	apps   map[uint32]string
}

type avpKey struct{ app, vendor, code uint32 }

type vendorCode struct{ vendor, code uint32 }

// LoadDictionary returns the dictionary. It is parsed once.
func LoadDictionary() (*Dictionary, error) { return loadDictionary() }

var loadDictionary = sync.OnceValues(func() (*Dictionary, error) {
	// Adding to dict.Default would change it for every other user in the process, and its sources are not exported: so its
	// parsed form is written out and read again.
	parser, err := dict.NewParser()
	if err != nil {
		return nil, fmt.Errorf("dictionary: %w", err)
	}
	// A wrongly typed AVP is told in Message.DecodeErr instead of ending the connection.
	parser.Strict = false
	for _, app := range dict.Default.Apps() {
		text, err := xml.Marshal(dict.File{App: []*dict.App{unlinked(app)}})
		if err != nil {
			return nil, fmt.Errorf("dictionary: application %d: %w", app.ID, err)
		}
		if err := parser.Load(bytes.NewReader(text)); err != nil {
			return nil, fmt.Errorf("dictionary: application %d: %w", app.ID, err)
		}
	}
	if err := parser.Load(bytes.NewReader(extraDictionary)); err != nil {
		return nil, fmt.Errorf("dictionary.xml: %w", err)
	}
	return indexDictionary(parser), nil
})

// unlinked copies an application without the links from its AVPs back to it, which XML cannot write.
func unlinked(app *dict.App) *dict.App {
	out := *app
	out.AVP = slices.Clone(app.AVP)
	for i, a := range out.AVP {
		plain := *a
		plain.App = nil
		out.AVP[i] = &plain
	}
	return &out
}

func indexDictionary(parser *dict.Parser) *Dictionary {
	d := &Dictionary{
		parser: parser, exact: map[avpKey]*dict.AVP{}, any: map[vendorCode]*dict.AVP{},
		apps: map[uint32]string{0: "Diameter Common Messages", creditControl: "Diameter Credit Control"},
	}
	for _, app := range parser.Apps() {
		if _, named := d.apps[app.ID]; !named {
			d.apps[app.ID] = app.Name
		}
		for _, a := range app.AVP {
			d.exact[avpKey{app.ID, a.VendorID, a.Code}] = a
			if _, known := d.any[vendorCode{a.VendorID, a.Code}]; !known {
				d.any[vendorCode{a.VendorID, a.Code}] = a
			}
		}
	}
	return d
}

// find returns the definition of an AVP in an application, in the applications whose AVPs it reuses, or, since AVP codes
// are unique within a vendor, in any other; nil if none defines it. (go-diameter's own look-up falls back to AVPs of
// another vendor with the same code, which gives a wrong name and type.)
func (d *Dictionary) find(app, vendor, code uint32) *dict.AVP {
	for _, candidate := range [...]uint32{app, creditControl, 0} {
		if a, ok := d.exact[avpKey{candidate, vendor, code}]; ok {
			return a
		}
	}
	return d.any[vendorCode{vendor, code}]
}

// command returns the name of a command and its short form, empty if unknown.
func (d *Dictionary) command(app, code uint32) (name, short string) {
	c, err := d.parser.FindCommand(app, code)
	if err != nil {
		return "", ""
	}
	return c.Name, c.Short
}
