package simulator

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func reopen(t *testing.T, path string) (*Log, []int, error) {
	t.Helper()
	var found []int
	l, err := OpenLog(path, "test", func(record []byte) error {
		var n int
		found = append(found, n)
		return json.Unmarshal(record, &found[len(found)-1])
	})
	if err == nil {
		t.Cleanup(func() { _ = l.Close() })
	}
	return l, found, err
}

// TestWhatWasAcknowledgedIsThere: many write at once, each looks into the file as soon as it is told that it is durable.
func TestWhatWasAcknowledgedIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, _, err := reopen(t, path)
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 16, 50
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range each {
				k := w*each + n
				if err := l.Write(k)(); err != nil {
					t.Error(err)
				}
				data, err := os.ReadFile(path)
				if err != nil || !bytes.Contains(data, appendLine(nil, []byte(jsonOf(k)))) {
					t.Errorf("%d was acknowledged and is not in the file (%v)", k, err)
				}
			}
		})
	}
	group.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, found, err := reopen(t, path)
	if err != nil || len(found) != writers*each {
		t.Errorf("%d records, %v", len(found), err)
	}
}

func jsonOf(n int) string {
	data, _ := json.Marshal(n) //nolint:errchkjson // an integer
	return string(data)
}

// TestALogThatWasCutAnywhere opens with every record that was whole, and takes more.
func TestALogThatWasCutAnywhere(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "log")
	l, _, err := reopen(t, whole)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		if err := l.Write(1000 + n)(); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(data) + 1 {
		path := filepath.Join(t.TempDir(), "cut")
		if err := os.WriteFile(path, data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		l, found, err := reopen(t, path)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if want := max(bytes.Count(data[:cut], []byte("\n"))-1, 0); len(found) != want {
			t.Fatalf("cut at %d: %v, want %d records", cut, found, want)
		}
		if err := l.Write(7)(); err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		if _, again, err := reopen(t, path); err != nil || len(again) != len(found)+1 || again[len(found)] != 7 {
			t.Fatalf("cut at %d: then %v, %v", cut, again, err)
		}
	}
}

func TestALogThatIsNotOurs(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"damaged":          line(`{"format":"gyro-simulator","version":1,"process":"test"}`) + "00000000 5\n" + line("6"),
		"not one":          line(`{"some":"thing"}`),
		"of a simulated":   line(`{"format":"gyro-simulator","version":1,"process":"hss"}`),
		"has version 2":    line(`{"format":"gyro-simulator","version":2,"process":"test"}`),
		"fit its checksum": "one line of something else\nand another\n",
	} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := reopen(t, path)
		if want := strings.NewReplacer("damaged", "2: a record", "not one", "no file of").Replace(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != text {
			t.Errorf("%s: was touched", name)
		}
	}
	path := filepath.Join(folder, "twice")
	if _, _, err := reopen(t, path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := reopen(t, path); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("opened twice: %v", err)
	}
}

func line(record string) string { return string(appendLine(nil, []byte(record))) }

func TestALogIsRewritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, _, err := reopen(t, path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		l.Write(n)
	}
	if err := l.Barrier(); err != nil {
		t.Fatal(err)
	}
	if err := l.Rewrite(func(yield func(any) bool) { _ = yield(98) && yield(99) }); err != nil {
		t.Fatal(err)
	}
	if err := l.Write(100)(); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if _, found, err := reopen(t, path); err != nil || len(found) != 3 || found[0] != 98 || found[2] != 100 {
		t.Errorf("%v, %v", found, err)
	}
}
