package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gyro/billing/population"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// TestInvoicesFromTheCommandLine bills a population through the running program, looks at what came of it, and corrects it.
func TestInvoicesFromTheCommandLine(t *testing.T) {
	t.Parallel()
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			url := dbtest.URL(t, dialect)
			fill(t, url)
			o := &operator{t: t, officeAddress: freeAddress(t)}
			o.site = newSite(t, "", "--office", "--database", url, "--office-listen", o.officeAddress)
			o.start()
			gyro := func(args ...string) string {
				t.Helper()
				return o.gyro(append(append([]string{"invoice"}, args...), "--office", "http://"+o.officeAddress, "--office-key-file", adminKeyFile(o.site.dir))...)
			}
			says := func(out string, all ...string) {
				t.Helper()
				for _, want := range all {
					if !strings.Contains(out, want) {
						t.Errorf("it does not say %q:\n%s", want, out)
					}
				}
			}
			says(gyro("run", "--cycle", "2026-09", "--yes"), "final, as of 2026-10-01: done")
			says(gyro("run", "--cycle", "2026-10", "--dry-run"), "dry, as of 2026-11-01: done", "total EUR", "last run (2026-10-01)", "bills beside the one of their account before",
				"The largest changes:", "Account 6")
			asked := command(t, "invoice", "run", "--cycle", "2026-10", "--office", "http://"+o.officeAddress, "--office-key-file", adminKeyFile(o.site.dir))
			asked.Stdin = strings.NewReader("n\n")
			out, err := asked.CombinedOutput()
			if err != nil {
				t.Fatal(err, string(out))
			}
			says(string(out), "draft, as of 2026-11-01: done", "Finalise", "invoice commit 3 finalises them")
			says(gyro("commit", "3"), "final, as of 2026-11-01: done")
			says(gyro("runs"), "dry", "draft", "final")
			says(gyro("parked"), "REASON")
			first := ""
			for word := range strings.FieldsSeq(gyro("list", "--type", "invoice", "--account", "3")) {
				if strings.HasPrefix(word, "GY-") {
					first = word
					break
				}
			}
			says(gyro("show", first), "Flat M", "recurring", "net ")
			file := filepath.Join(t.TempDir(), "invoice.pdf")
			gyro("pdf", first, "-o", file)
			if text, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(text), "%PDF-") {
				t.Errorf("the PDF is %.20q, %v", text, err)
			}
			says(gyro("credit", first, "--reason", "outage", "--line", "1=1.50"), "-CN-", "outage")
			says(gyro("charge", "3", "4.50", "--for", "SIM card"), "SIM card")
			says(gyro("rebill", first, "--reason", "wrong price"), "-CN-", "creditNote")
			says(gyro("intake"), "lag")
			o.p.stop()
		})
	}
}

func fill(t *testing.T, url string) {
	t.Helper()
	db, err := database.Open(t.Context(), database.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if err := population.Make(t.Context(), db, population.Options{Accounts: 60, Records: 8, Spread: true}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
