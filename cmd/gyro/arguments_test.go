package main

import (
	"strings"
	"testing"
)

// TestWrongArguments: who gives too few or too many arguments, or a negative amount that looks like a flag, reads what to write.
func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ args, want string }{
		{"explain", `RECORD is missing; write "gyro explain RECORD [flags]"`},
		{"account postings 1001 1002", `"1002" is an argument too many; write "gyro account postings ACCOUNT [flags]"`},
		{"catalog show", `NAME is missing; write "gyro catalog show NAME [VERSION] [flags]"`},
		{"catalog show a 1 2", `"2" is an argument too many`},
		{"balance transfer 1001 1002 5.00", `CURRENCY is missing; write "gyro balance transfer FROM TO AMOUNT CURRENCY [flags]"`},
		{"balance adjust 1001 -10.00 EUR --reason x", `write gyro balance adjust [flags] -- ACCOUNT AMOUNT CURRENCY`},
		{"subscriber limit 1001", `IDENTITY is missing; write "gyro subscriber limit ACCOUNT IDENTITY [COUNTER=MOST...] [flags]"`},
		{"voucher make --count 3", `BATCH is missing`},
		{"ledger verify data", `"data" is an argument too many; write "gyro ledger verify [flags]"`},
		{"rate --offer payg", `USAGE... is missing`},
		{"invoice list --account x", `--account x: give a whole number; "gyro invoice list --help" lists the flags`},
		{"customer list --limit -1", `--limit -1: give a whole number from 0; "gyro customer list --help" lists the flags`},
		{"books --json=perhaps", `--json perhaps: give true or false; "gyro books --help" lists the flags`},
		{"books --jsn", `unknown flag: --jsn; "gyro books --help" lists the flags`},
	} {
		if said := refused(t, nil, strings.Fields(tt.args)...); !strings.Contains(said, tt.want) {
			t.Errorf("gyro %s said %q, want %q", tt.args, said, tt.want)
		}
	}
}
