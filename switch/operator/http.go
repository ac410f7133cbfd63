package operator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"switchyard/internal/mutant"
)

// fileType is the type of a body that is a file.
const fileType = "application/octet-stream"

// several ends the name of a parameter that may be given more than once.
const several = "[]"

// maxForm bounds the parameters in a request's body.
const maxForm = 64 << 10

// routes serves each request of somebody who has its role, and whose parameters are known, given once and well formed.
// All else is an error of the one shape.
func (a *API) routes() http.Handler {
	mux := http.NewServeMux()
	for i := range endpoints {
		mux.HandleFunc(endpoints[i].Pattern, func(w http.ResponseWriter, r *http.Request) { a.serve(&endpoints[i], w, r) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		refusal := &statusOnly{header: w.Header()}
		mux.ServeHTTP(refusal, r)
		err := fmt.Errorf("%s: no such path: see the operator API in docs/operations.md", r.URL.Path)
		if allowed := w.Header().Get("Allow"); allowed != "" {
			err = fmt.Errorf("%s of %s: expected %s", r.Method, r.URL.Path, allowed)
		}
		writeError(w, refusal.status, err)
	})
}

// serve answers a request that there is.
func (a *API) serve(e *endpoint, w http.ResponseWriter, r *http.Request) {
	if e.Role != RoleRead {
		a.change(e, w, r)
	} else if refused := refuse(e, w, r); refused != nil {
		writeError(w, refused.status, refused)
	} else {
		e.serve(a, w, r)
	}
}

// refusal is why a call is not carried out.
type refusal struct {
	status int
	error
}

// refuse finds what is wrong with a call before it is carried out, nil if nothing is. It reads its parameters.
func refuse(e *endpoint, w http.ResponseWriter, r *http.Request) *refusal {
	wrong := checkParameters(w, r, e.Parameters)
	if role := roleOf(e); !asking(r).may(role) {
		return &refusal{http.StatusForbidden, fmt.Errorf("%s has not the role %s, which %s needs", asking(r).name, role,
			r.URL.Path)}
	}
	if wrong != nil {
		return &refusal{http.StatusBadRequest, wrong}
	}
	return nil
}

// statusOnly takes of an answer the header and the status.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }

// digits may be a card number, where a parameter's name should stand: no error shows them.
var digits = regexp.MustCompile(`[0-9][0-9 -]{10,}[0-9]`)

// checkParameters refuses a request with a parameter that its path does not have, in the query or a form: a misspelt
// one would be passed over.
func checkParameters(w http.ResponseWriter, r *http.Request, known []string) error {
	if slices.Contains(known, anything) || mutant.On(mutant.UnknownParameter) {
		return nil
	}
	if !slices.Contains(known, file) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	}
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		return fmt.Errorf("the query is malformed: %w", err)
	}
	if kind := r.Header.Get("Content-Type"); strings.HasPrefix(kind, "multipart/") {
		return fmt.Errorf("a body of type %q: expected parameters in the query, or application/x-www-form-urlencoded", kind)
	}
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("the form is malformed: %w", err)
	}
	for name, values := range r.Form {
		shown := digits.ReplaceAllString(name, "(digits)")
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			return fmt.Errorf("%s: no such parameter: %s has none", shown, r.URL.Path)
		case !slices.Contains(known, name):
			return fmt.Errorf("%s: no such parameter: expected %s", shown, strings.Join(known, ", "))
		case len(values) > 1 && !strings.HasSuffix(name, several):
			return fmt.Errorf("%s: given %d times, expected once", name, len(values))
		}
	}
	if kind := r.Header.Get("Content-Type"); slices.Contains(known, file) && kind != fileType {
		return fmt.Errorf("a body of type %q: expected a file, %s", kind, fileType)
	}
	return nil
}

// flag reads a parameter that is true or false; false without it.
func flag(r *http.Request, name string) (bool, error) {
	text := r.FormValue(name)
	if text == "" {
		return false, nil
	}
	if text != "true" && text != "false" {
		return false, fmt.Errorf("%s: %q: expected true or false", name, text)
	}
	return text == "true", nil
}

// number reads a parameter that is a number; 0 without it.
func number(r *http.Request, name string) (n uint64, err error) {
	text := r.FormValue(name)
	if text == "" {
		return 0, nil
	}
	if n, err = strconv.ParseUint(text, 10, 64); err != nil {
		err = fmt.Errorf("%s: %q: expected a number", name, text)
	}
	return n, err
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the reader has gone; there is nobody to tell
}

// errorOf is what writeError has written.
func errorOf(body []byte) string {
	var answer struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(body, &answer) // each error has this shape
	return answer.Error
}

// writeError answers what is no success: each has this one shape.
func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}
