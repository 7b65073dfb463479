package repository

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"gyro/internal/simulator"
)

// MaxKey is the longest request identifier (Idempotency-Key).
const MaxKey = 100

// ServeHTTP implements http.Handler.
func (r *Repository) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if strings.TrimSuffix(q.URL.Path, "/") == r.model.Before && q.Method == http.MethodGet {
		r.list(w, q)
		return
	}
	imsi, ok := r.imsi(q.URL.Path)
	if !ok {
		simulator.Problem(w, http.StatusNotFound, "RESOURCE_URI_STRUCTURE_NOT_FOUND",
			fmt.Sprintf("%s is not there; a subscriber is at %s/imsi-DIGITS%s", q.URL.Path, r.model.Before, r.model.After))
		return
	}
	switch q.Method {
	case http.MethodGet:
		r.get(w, imsi)
	case http.MethodPut, http.MethodPatch, http.MethodDelete:
		r.change(w, q, imsi)
	default:
		w.Header().Set("Allow", "GET, PUT, PATCH, DELETE")
		simulator.Problem(w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "a subscriber knows GET, PUT, PATCH and DELETE")
	}
}

// Subject is the IMSI that a request is about.
func (r *Repository) Subject(q *http.Request, _ []byte) string {
	imsi, _ := r.imsi(q.URL.Path)
	return imsi
}

// imsi takes the identity out of a path: imsi- and 5 to 15 digits (TS 23.003,
// 2.2; the ueId of TS 29.571).
func (r *Repository) imsi(path string) (string, bool) {
	rest, found := strings.CutPrefix(path, r.model.Before+"/imsi-")
	if !found {
		return "", false
	}
	imsi, found := strings.CutSuffix(rest, r.model.After)
	return imsi, found && Digits(imsi, 5, 15)
}

// The forms of what documents about subscribers have in common.
var (
	BitRate = regexp.MustCompile(`^\d+(\.\d+)? (bps|Kbps|Mbps|Gbps|Tbps)$`) // TS 29.571, 5.5.2
	Word    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)       // of the operator's own
)

// Digits reports whether s is from least to most decimal digits.
func Digits(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

func (r *Repository) get(w http.ResponseWriter, imsi string) {
	r.mu.Lock()
	e, found := r.kept[imsi]
	r.mu.Unlock()
	if err := r.log.Barrier(); err != nil {
		broken(w, err)
		return
	}
	if !found {
		refused(w, r.unknown(imsi))
		return
	}
	simulator.JSON(w, http.StatusOK, json.RawMessage(e.document))
}

func (r *Repository) change(w http.ResponseWriter, q *http.Request, imsi string) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		simulator.Problem(w, http.StatusBadRequest, "INVALID_MSG_FORMAT", err.Error())
		return
	}
	c := change{
		imsi: imsi, method: q.Method, request: q.Header.Get("Idempotency-Key"), body: body,
		onlyNew: q.Header.Get("If-None-Match") == "*", fingerprint: xxhash.Sum64(append([]byte(imsi+"\n"), body...)),
	}
	if len(c.request) > MaxKey {
		simulator.Problem(w, http.StatusBadRequest, "MANDATORY_IE_INCORRECT", fmt.Sprintf("Idempotency-Key has at most %d characters", MaxKey))
		return
	}
	a, durable, no := r.apply(&c)
	if no != nil {
		refused(w, no)
		return
	}
	if err := durable(); err != nil {
		broken(w, err)
		return
	}
	if a.Document == nil {
		w.WriteHeader(a.Status)
		return
	}
	simulator.JSON(w, a.Status, json.RawMessage(a.Document))
}

// pageDefault and pageMost are how many subscribers a page of the list has.
const (
	pageDefault = 100
	pageMost    = 1000
)

func (r *Repository) list(w http.ResponseWriter, q *http.Request) {
	limit := pageDefault
	if text := q.URL.Query().Get("limit"); text != "" {
		parsed, err := strconv.Atoi(text)
		if err != nil || parsed < 1 || parsed > pageMost {
			simulator.Problem(w, http.StatusBadRequest, "OPTIONAL_QUERY_PARAM_INCORRECT", fmt.Sprintf("limit is from 1 to %d", pageMost))
			return
		}
		limit = parsed
	}
	after := q.URL.Query().Get("after")
	r.mu.Lock()
	all := slices.Sorted(maps.Keys(r.kept))
	at, found := slices.BinarySearch(all, after)
	if found {
		at++
	}
	end := min(at+limit, len(all))
	page := []json.RawMessage{}
	for _, imsi := range all[at:end] {
		page = append(page, r.kept[imsi].document)
	}
	next := ""
	if end < len(all) {
		next = all[end-1]
	}
	r.mu.Unlock()
	if err := r.log.Barrier(); err != nil {
		broken(w, err)
		return
	}
	simulator.JSON(w, http.StatusOK, map[string]any{"subscribers": page, "next": next})
}

func refused(w http.ResponseWriter, no *refusal) {
	simulator.Problem(w, no.status, no.cause, no.detail)
}

func broken(w http.ResponseWriter, err error) {
	simulator.Problem(w, http.StatusInternalServerError, "SYSTEM_FAILURE", "the change is not durable: "+err.Error())
}
