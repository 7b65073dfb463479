package main

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"gyro/api/client"
	"gyro/internal/voucher"
)

const batchesPath = "/charging/v1/voucher-batches"

// newVoucherCommand builds "gyro voucher": batches of vouchers.
func newVoucherCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "voucher", Short: "Vouchers of a running server: make, redeem, look at, block",
		Long: `Vouchers are made here, not on the server: the codes are written to a file of yours, and the server is given hashes
only. Whoever has the file can redeem them all; keep it as you keep money.`,
	}
	r := &remote{}
	r.flags(cmd)
	cmd.AddCommand(newVoucherMakeCommand(r), newVoucherRedeemCommand(r), newVoucherListCommand(r), newVoucherShowCommand(r), newVoucherBlockCommand(r))
	return cmd
}

// voucherBatch is what "gyro voucher make" is asked for.
type voucherBatch struct {
	name   string
	file   string
	digits int
	terms  voucherTerms
}

// voucherTerms is what each voucher is worth, as the API takes it.
type voucherTerms struct {
	Count       uint32 `json:"count"`
	Amount      string `json:"amount,omitempty"`
	Currency    string `json:"currency,omitempty"`
	Catalog     string `json:"catalog,omitempty"`
	Allowance   string `json:"allowance,omitempty"`
	ExtendsDays uint16 `json:"extends_days,omitempty"`
	Until       string `json:"until,omitempty"`
}

func newVoucherMakeCommand(r *remote) *cobra.Command {
	b := &voucherBatch{}
	cmd := &cobra.Command{
		Use: "make BATCH --count N --codes FILE", Short: "Make a batch of vouchers, or go on with one that was interrupted", Args: cobra.ExactArgs(1),
		Long: `Makes codes, writes them to a new file, one a line, and gives the server their hashes. The batch can be redeemed once
all of it is there. Interrupted, the same command goes on with the codes in the file. Hashing is slow on purpose, so that
nobody can try all codes against a copy of the hashes: count on some 170 codes a second and core.`,
		Example: "  gyro voucher make winter-10 --count 1000 --amount 10.00 --currency EUR --extends-days 90 --until 2028-12-31T23:00:00Z --codes winter-10.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			b.name = args[0]
			return b.make(cmd, r)
		},
	}
	f := cmd.Flags()
	f.Uint32Var(&b.terms.Count, "count", 0, "how `many`")
	f.StringVar(&b.terms.Amount, "amount", "", "`money` that each is worth")
	f.StringVar(&b.terms.Currency, "currency", "", "`currency` of the amount")
	f.StringVar(&b.terms.Catalog, "catalog", "", "`catalogue` that has the allowance")
	f.StringVar(&b.terms.Allowance, "allowance", "", "`allowance` that each gives")
	f.Uint16Var(&b.terms.ExtendsDays, "extends-days", 0, "make the account's subscribers valid for this many more `days`")
	f.StringVar(&b.terms.Until, "until", "", "last `moment` to redeem one")
	f.IntVar(&b.digits, "digits", voucher.DefaultDigits, "`digits` of a code")
	f.StringVar(&b.file, "codes", "", "`file` that the codes are written to, or read from when it is there")
	must(errors.Join(cmd.MarkFlagRequired("count"), cmd.MarkFlagRequired("codes")))
	return cmd
}

// partSize is how many codes one request takes: their hashes, in Base64, fit
// into a body.
const partSize = 2048

// maxBatch is the most vouchers that the server takes in one batch; more are not even made.
const maxBatch = 10_000_000

func (b *voucherBatch) make(cmd *cobra.Command, r *remote) error {
	if b.terms.Count == 0 || b.terms.Count > maxBatch {
		return fmt.Errorf("a batch has 1 to %d vouchers, not %d; say how many with --count", maxBatch, b.terms.Count)
	}
	codes, err := b.codes()
	if err != nil {
		return err
	}
	salt, err := b.salt(cmd, r)
	if err != nil {
		return err
	}
	began := time.Now()
	for part := 0; part*partSize < len(codes); part++ {
		some := codes[part*partSize : min((part+1)*partSize, len(codes))]
		hashes, err := hashAll(cmd, some, salt)
		if err != nil {
			return err
		}
		body := map[string]any{
			"terms": b.terms, "salt": base64.StdEncoding.EncodeToString(salt), "part": part,
			"hashes": base64.StdEncoding.EncodeToString(hashes),
		}
		answer, err := r.call(cmd, &client.Request{Method: client.Post, Path: batchesPath + client.Path(b.name, "parts"), Body: body})
		if err != nil {
			return fmt.Errorf("%w\n%d of %d vouchers are there; the same command goes on with the codes in %s", err, part*partSize, len(codes), b.file)
		}
		done := min((part+1)*partSize, len(codes))
		fmt.Fprintf(cmd.ErrOrStderr(), "%d of %d vouchers, %s\n", done, len(codes), time.Since(began).Round(time.Second))
		if done == len(codes) {
			return r.print(cmd.OutOrStdout(), answer)
		}
	}
	return nil
}

// codes makes the batch's codes and writes them to the file before anything
// else is done with them, or reads those that an earlier run wrote. The file
// gets its name when it is whole, so that an interruption leaves none that
// nothing can go on with.
func (b *voucherBatch) codes() ([]string, error) {
	if _, err := os.Stat(b.file); !errors.Is(err, os.ErrNotExist) {
		return b.readCodes()
	}
	codes, err := newCodes(int(b.terms.Count), b.digits)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(b.file), filepath.Base(b.file)+".part-*") // only its owner can read it
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(file.Name()) }() // the codes have another name by then, or are not needed
	_, err = file.WriteString(strings.Join(codes, "\n") + "\n")
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return nil, err
	}
	return codes, os.Link(file.Name(), b.file) // not Rename, which would take the place of another's codes
}

func newCodes(count, digits int) (codes []string, err error) {
	known := map[string]bool{}
	for len(codes) < count {
		code, err := voucher.New(rand.Reader, digits)
		if err != nil {
			return nil, err
		}
		if !known[code] {
			known[code] = true
			codes = append(codes, code)
		}
	}
	return codes, nil
}

func (b *voucherBatch) readCodes() (codes []string, err error) {
	file, err := os.Open(b.file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		code, err := voucher.Normalise(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", b.file, len(codes)+1, err)
		}
		codes = append(codes, code)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s, line %d: %w", b.file, len(codes)+1, err)
	}
	if len(codes) != int(b.terms.Count) {
		return nil, fmt.Errorf("%s is there and has %d codes, not %d; name a new file for a new batch, or go on with the same count", b.file, len(codes), b.terms.Count)
	}
	return codes, nil
}

// salt is the shard's, or a new one for its first batch: the first part of it
// that arrives sets the shard's.
func (b *voucherBatch) salt(cmd *cobra.Command, r *remote) ([]byte, error) {
	answer, err := r.call(cmd, &client.Request{Method: client.Get, Path: "/charging/v1/voucher-salt"})
	if err != nil {
		return nil, err
	}
	var view struct {
		Salt string `json:"salt"`
	}
	if err := json.Unmarshal(answer, &view); err != nil {
		return nil, err
	}
	if view.Salt == "" {
		return voucher.Salt(rand.Reader)
	}
	return base64.StdEncoding.DecodeString(view.Salt)
}

// hashAll hashes codes on all cores.
func hashAll(cmd *cobra.Command, codes []string, salt []byte) ([]byte, error) {
	hashes := make([]byte, len(codes)*voucher.HashSize)
	var next sync.Mutex
	at := 0
	take := func() int {
		next.Lock()
		defer next.Unlock()
		at++
		return at - 1
	}
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for k := take(); k < len(codes) && cmd.Context().Err() == nil; k = take() {
				copy(hashes[k*voucher.HashSize:], voucher.Hash(codes[k], salt))
			}
		})
	}
	all.Wait()
	return hashes, cmd.Context().Err()
}

func newVoucherRedeemCommand(r *remote) *cobra.Command {
	var m once
	cmd := &cobra.Command{
		Use: "redeem ACCOUNT", Short: "Use a voucher up for an account; the code is read from standard input", Args: cobra.ExactArgs(1),
		Example: "  gyro voucher redeem 1001 <<< '1234-5678-9012-3456'",
		RunE: func(cmd *cobra.Command, args []string) error {
			line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			return r.change(cmd, &m, &client.Request{
				Method: client.Post, Path: accountPath(args[0], "redemptions"), Body: map[string]string{"code": trimLine([]byte(line))},
			})
		},
	}
	m.flags(cmd)
	return cmd
}

func newVoucherListCommand(r *remote) *cobra.Command {
	var after string
	cmd := &cobra.Command{
		Use: "list", Short: "List the batches, by name", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := &client.Request{Method: client.Get, Path: batchesPath}
			if after != "" {
				request.Query = map[string][]string{"after": {after}}
			}
			return r.do(cmd, request)
		},
	}
	cmd.Flags().StringVar(&after, "after", "", "begin behind this `batch`")
	return cmd
}

func newVoucherShowCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "show BATCH", Short: "Show a batch: its terms, and how many vouchers are unused, used and expired", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.do(cmd, &client.Request{Method: client.Get, Path: batchesPath + client.Path(args[0])})
		},
	}
}

func newVoucherBlockCommand(r *remote) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "block BATCH --reason CODE", Short: "End a batch: what is unused can no longer be redeemed", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.do(cmd, &client.Request{
				Method: client.Post, Path: batchesPath + client.Path(args[0], "block"), Body: map[string]string{"reason": reason},
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`code` of why, such as stolen")
	must(cmd.MarkFlagRequired("reason"))
	return cmd
}
