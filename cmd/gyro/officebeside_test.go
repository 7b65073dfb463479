package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"gyro/internal/config"
)

// TestBothWaysToTheCoreTakeTurns: an account that is made at once over the charging API and over the office's own way to it
// is made by one of them, and changed by the other: each is told which it was.
func TestBothWaysToTheCoreTakeTurns(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load("", nil, map[string]any{"data": t.TempDir() + "/data", "diameter.listen": freeAddress(t), "http.listen": freeAddress(t)})
	if err != nil {
		t.Fatal(err)
	}
	n, err := startNode(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.stop(); err != nil {
			t.Error(err)
		}
	})
	link, err := openCoreLink(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := link.stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	put := func(base string, account int) (status int) {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, fmt.Sprintf("http://%s/charging/v1/accounts/a-%d", base, account), bytes.NewReader([]byte(`{"currency":"EUR","kind":"prepaid"}`)))
		if err != nil {
			t.Error(err)
			return 0
		}
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Authorization", "Bearer "+link.key)
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Error(err)
			return 0
		}
		_ = r.Body.Close()
		return r.StatusCode
	}
	const accounts = 200
	wrong := 0
	for account := range accounts {
		var made, changed atomic.Int64
		var both sync.WaitGroup
		for _, base := range []string{n.http.addr().String(), link.listener.Addr().String()} {
			both.Go(func() {
				switch put(base, account) {
				case http.StatusCreated:
					made.Add(1)
				case http.StatusOK:
					changed.Add(1)
				}
			})
		}
		both.Wait()
		if made.Load() != 1 || changed.Load() != 1 {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("of %d accounts %d were made twice, or not at all, as far as their clients know", accounts, wrong)
	}
}
