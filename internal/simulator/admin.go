package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// administer serves what everybody who simulates has below /admin/.
func (s *Server) administer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/admin/faults":
		s.administerFaults(w, r)
	case "/admin/exit":
		s.administerExit(w, r)
	case "/admin/statistics":
		JSON(w, http.StatusOK, s.statistics())
	default:
		if s.o.Admin == nil {
			Problem(w, http.StatusNotFound, "RESOURCE_URI_STRUCTURE_NOT_FOUND", r.URL.Path+" is not there; see /admin/faults, /admin/exit, /admin/statistics")
			return
		}
		s.o.Admin.ServeHTTP(w, r)
	}
}

func (s *Server) administerFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	switch r.Method {
	case http.MethodGet:
		JSON(w, http.StatusOK, s.inject.get())
		return
	case http.MethodPut:
		if err := ReadJSON(r, &f); err != nil {
			Problem(w, http.StatusBadRequest, "INVALID_MSG_FORMAT", err.Error())
			return
		}
	case http.MethodDelete:
	default:
		Problem(w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "GET shows the faults, PUT replaces them, DELETE ends them")
		return
	}
	if err := f.Validate(); err != nil {
		Problem(w, http.StatusBadRequest, "MANDATORY_IE_INCORRECT", err.Error())
		return
	}
	s.inject.set(&f)
	s.o.Logger.Info("told how to fail", "faults", f.String())
	JSON(w, http.StatusOK, f)
}

func (s *Server) administerExit(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		Problem(w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "POST ends the process")
		return
	}
	status := ExitStatus
	if text := r.URL.Query().Get("status"); text != "" {
		parsed, err := strconv.Atoi(text)
		if err != nil || parsed < 0 || parsed > 255 {
			Problem(w, http.StatusBadRequest, "OPTIONAL_QUERY_PARAM_INCORRECT", "status is from 0 to 255")
			return
		}
		status = parsed
	}
	s.o.Logger.Info("exits as it was told to", "status", status)
	s.o.Exit(status)
}

func (s *Server) statistics() map[string]any {
	found := map[string]any{}
	if s.o.Statistics != nil {
		found = s.o.Statistics()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answers := map[string]uint64{}
	for status, n := range s.statuses {
		answers[strconv.Itoa(status)] = n
	}
	found["answers"], found["failures"] = answers, s.inject.statistics()
	return found
}

// errTrailing is what follows a document that should stand alone.
var errTrailing = errors.New("something follows the JSON document")

// ReadJSON reads a request's body strictly: one document, no unknown fields.
func ReadJSON(r *http.Request, into any) error {
	var body bytes.Buffer
	if _, err := body.ReadFrom(r.Body); err != nil {
		return err
	}
	return Strict(body.Bytes(), into)
}

// Strict decodes one JSON document without unknown fields.
func Strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}
