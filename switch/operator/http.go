package operator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// knownParameters refuses a request with a parameter that its path does not have: a misspelt one would be passed over.
func knownParameters(r *http.Request, known ...string) error {
	for name := range r.URL.Query() {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s: no such parameter: expected %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the reader has gone; there is nobody to tell
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}
