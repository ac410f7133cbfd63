package server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
)

// getAuthorizations streams the books: with ?rrn= the line of one RRN, with ?rrn_prefix=, as often as need be, those
// whose RRNs begin with one of them. What is not asked for is passed by where it lies, and not written.
func (s *Server) getAuthorizations(w http.ResponseWriter, r *http.Request) {
	asked, err := parseRRNs(r.URL.Query())
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	stream(w, func(do func([]book.AuthorizationView) bool) { s.book.Each(asked.has, do) },
		func(*book.AuthorizationView) bool { return true })
}

// rrns are the RRNs that are asked for.
type rrns struct {
	whole    string   // "": any
	prefixes []string // sorted, none of them the beginning of another; none: any
}

func parseRRNs(query url.Values) (a rrns, err error) {
	a.whole = query.Get("rrn")
	given := slices.Clone(query["rrn_prefix"])
	slices.Sort(given)
	for _, prefix := range given {
		if !isReference(prefix) {
			return a, fmt.Errorf("rrn_prefix: %q: want 1 to %d letters and digits", prefix, len(message.Reference{}))
		}
		if n := len(a.prefixes); n == 0 || !strings.HasPrefix(prefix, a.prefixes[n-1]) {
			a.prefixes = append(a.prefixes, prefix)
		}
	}
	return a, nil
}

// isReference tells whether a text can be an RRN, or the beginning of one.
func isReference(text string) bool {
	return text != "" && len(text) <= len(message.Reference{}) && strings.IndexFunc(text, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}) < 0
}

// has tells whether an RRN is asked for.
func (a *rrns) has(rrn *message.Reference) bool {
	if a.whole != "" && a.whole != rrn.Text() {
		return false
	}
	if len(a.prefixes) == 0 {
		return true
	}
	// The last one that is not behind the RRN is the only one that can be its beginning.
	behind := sort.Search(len(a.prefixes), func(i int) bool { return a.prefixes[i] > string(rrn[:]) })
	return behind > 0 && strings.HasPrefix(string(rrn[:]), a.prefixes[behind-1])
}
