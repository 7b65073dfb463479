package element

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"github.com/fiorix/go-diameter/v4/diam/dict"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files under testdata")

func dictionaryForTest(tb testing.TB) *Dictionary {
	tb.Helper()
	d, err := LoadDictionary()
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func checkGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -run %s -rewrite, then read the difference):\n%s", path, t.Name(), got)
	}
}

// TestWire keeps what each element says: the first session of each kind whose requests have something of every type, decoded.
// Fake time starts in 2000, which makes the messages the same in every run.
func TestWire(t *testing.T) {
	for name, set := range map[string]func(*Options){
		"open5gs": func(*Options) {},
		"pgw":     func(o *Options) { o.Style = FullPGW },
		"ims":     func(o *Options) { o.Kind = IMS },
		"smsc":    func(o *Options) { o.Kind = SMSC },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				server := newOCS(t)
				opts := server.options(PGW)
				set(&opts)
				opts.For, opts.Sessions, opts.Seed = 200*time.Millisecond, 1, 4
				wanted := map[requestType][]byte{}
				server.decide = func(c *ccr) reply {
					if wanted[c.kind] == nil {
						wanted[c.kind] = c.frame
					}
					return reply{}
				}
				if _, _, err := run(t.Context(), t, opts); err != nil {
					t.Fatal(err)
				}
				var input []byte
				for _, kind := range []requestType{initialRequest, updateRequest, terminationRequest, eventRequest} {
					input = append(input, wanted[kind]...)
				}
				var out bytes.Buffer
				if err := server.dict.Decode(&out, input); err != nil {
					t.Fatal(err)
				}
				checkGolden(t, "wire_"+name+".golden", out.Bytes())
			})
		})
	}
}

// TestDecode decodes every file of messages in hexadecimal under testdata.
func TestDecode(t *testing.T) {
	d := dictionaryForTest(t)
	files, err := filepath.Glob("testdata/*.hex")
	if err != nil || len(files) < 3 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".hex")
		t.Run(name, func(t *testing.T) {
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			data, err := ReadHex(file)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := d.Decode(&out, data); err != nil {
				out.WriteString("error: " + err.Error() + "\n")
			}
			checkGolden(t, name+".golden", out.Bytes())
		})
	}
}

// TestDecodeFaults checks the offset of each fault, and that decoding goes on behind those it can step over.
func TestDecodeFaults(t *testing.T) {
	d := dictionaryForTest(t)
	header := "01 %s 80000118 00000000 00000001 00000001"
	build := func(length, body string) string { return strings.Replace(header, "%s", length, 1) + body }
	for name, tt := range map[string]struct {
		input  string
		offset int
		reason string
		shows  string
	}{
		"short header":   {"0100001480", 0, "too few for a Diameter header", ""},
		"version":        {strings.Replace(build("000014", ""), "01", "02", 1), 0, "version 2", ""},
		"length":         {build("000013", ""), 1, "not a multiple of 4", "Device-Watchdog-Request (DWR)"},
		"truncated":      {build("000024", "00000108 4000000c 61626364"), 32, "4 bytes before", `Origin-Host (264) -M- length 12: "abcd"`},
		"cut AVP":        {build("000020", "00000108 40000010 61626364"), 20, "12 bytes are left", ""},
		"tiny AVP":       {build("000020", "00000108 40000007 61626364"), 20, "shorter than its header", ""},
		"size of value":  {build("00002c", "00000116 4000000b 61626300 00000108 4000000c 61626364"), 28, "Unsigned32 of 3 bytes", `"abcd"`},
		"inside a group": {build("000030", "00000104 40000010 0000010a 40000063 00000108 4000000c 61626364"), 28, "length 99", `"abcd"`},
		"address":        {build("000020", "00000101 4000000c 00010a00"), 28, "family 1 with 2 bytes", "0x00010a00"},
		"UTF-8":          {build("000020", "0000010d 0000000c ff414243"), 28, "not valid UTF-8", "0xff414243"},
		"second message": {build("000014", "") + build("000020", "00000108 4000000d 61626364"), 40, "12 bytes are left", "Device-Watchdog-Request"},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := ReadHex(strings.NewReader(tt.input))
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			var fault *DecodeError
			if err := d.Decode(&out, data); !errors.As(err, &fault) {
				t.Fatalf("error %v", err)
			}
			if fault.Offset != tt.offset || !strings.Contains(fault.Reason, tt.reason) {
				t.Errorf("fault %v, want %d %q", fault, tt.offset, tt.reason)
			}
			if !strings.Contains(out.String(), tt.shows) || !strings.Contains(out.String(), "!! "+fault.Error()) {
				t.Errorf("output lacks %q or the fault:\n%s", tt.shows, &out)
			}
		})
	}
}

func TestReadHex(t *testing.T) {
	data, err := ReadHex(strings.NewReader("# zz\n0x01:02 0A# 0b\n\tfF # 0c # 0d\n 0x10 #"))
	if err != nil || hex.EncodeToString(data) != "01020aff10" {
		t.Errorf("%x, %v", data, err)
	}
	for input, want := range map[string]string{"01\n0g": `line 2 column 2: 'g'`, "012": "odd number", "": "empty", "\t:": "no hexadecimal", "# 01": "no hexadecimal", "01 # x\n0g": `line 2 column 2`, "0x": "no hexadecimal"} {
		if _, err := ReadHex(strings.NewReader(input)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", input, err, want)
		}
	}
}

// TestDictionary checks that our additions reached go-diameter's decoder without changing the process-wide dictionary.
func TestDictionary(t *testing.T) {
	d := dictionaryForTest(t)
	m := newMessage(d, diam.CreditControl, 0, creditControl, 1, 1)
	m.AddAVP(tgpp(3904, group(tgpp(3905, u32(17)))))
	frame, err := m.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := decodeMessage(d, frame)
	if err != nil || len(children(decoded.AVP[0])) != 1 || uint32Of(children(decoded.AVP[0])[0]) != 17 {
		t.Fatalf("Announcement-Information decoded as %v, %v", decoded, err)
	}
	plain, err := diam.ReadMessage(bytes.NewReader(frame), dict.Default)
	if err != nil {
		t.Fatal(err)
	}
	if plain.AVP[0].Data.Type() != datatype.UnknownType {
		t.Error("dict.Default was changed")
	}
	for _, code := range []uint32{avp.TimeQuotaThreshold, avp.VolumeQuotaThreshold, 870, avp.QuotaHoldingTime, avp.ReportingReason, avp.UnitQuotaThreshold, 1264, 2020, 2021, 2022, 3904} {
		if d.find(creditControl, vendor3GPP, code) == nil {
			t.Errorf("3GPP/%d is not in the dictionary", code)
		}
	}
	if d.find(creditControl, 9, 872) != nil {
		t.Error("an AVP of another vendor was taken for 3GPP's")
	}
}

// FuzzDecode feeds any bytes to both decoders. Neither may panic, and ours must name an offset inside the input.
func FuzzDecode(f *testing.F) {
	d := dictionaryForTest(f)
	files, err := filepath.Glob("testdata/*.hex")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			f.Fatal(err)
		}
		data, err := ReadHex(file)
		_ = file.Close()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		err := d.Decode(&out, data)
		var fault *DecodeError
		if err != nil && (!errors.As(err, &fault) || fault.Offset < 0 || fault.Offset > len(data)) {
			t.Errorf("error %v for %d bytes", err, len(data))
		}
		if frame, err := readFrame(bytes.NewReader(data)); err == nil {
			_, _ = parseAnswer(d, frame) // an error is fine, a panic is not
		}
	})
}
