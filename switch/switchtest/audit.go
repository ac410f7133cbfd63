package switchtest

import (
	"context"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"switchyard/internal/httpcall"
	"switchyard/switch/audit"
)

// Audit waits until nothing is under way and fails the test unless the journal, the issuer's books and the clearing
// files agree.
func (s *System) Audit() *audit.Report {
	s.t.Helper()
	return s.AuditBut()
}

// AuditBut is Audit where differences of some kinds, one at least of each, must be found, and no others.
func (s *System) AuditBut(kinds ...audit.Kind) *audit.Report {
	s.t.Helper()
	s.AwaitDrained()
	api, control := s.API(), httpcall.Port{Addr: s.ControlAddr}
	book := func(path string) audit.Open {
		return func(ctx context.Context) (io.ReadCloser, error) {
			return control.Open(ctx, http.MethodGet, path, nil, nil)
		}
	}
	report, err := audit.Run(context.Background(), audit.Sources{
		Switch:         api.OpenPayments,
		Authorizations: audit.Whole(book("/v1/authorizations")),
		Ledger:         book("/v1/ledger"),
		Now:            func(context.Context) (time.Time, error) { return s.now(), nil },
		Days:           api.OpenDays,
		Rebuilt:        api.OpenClearingCheck,
		Acts:           api.OpenActs,
		Files:          func(context.Context) ([]audit.File, error) { return s.clearingFiles() },
	}, audit.Options{})
	s.must(err)
	found := slices.Sorted(maps.Keys(report.ByKind))
	if slices.Sort(kinds); !slices.Equal(found, kinds) {
		var text strings.Builder
		s.must(report.WriteText(&text))
		s.t.Fatalf("the audit finds differences of %q, want %q:\n%s", found, kinds, &text)
	}
	return report
}

// now is by the switch's clock: what it is told to be late is late by that.
func (s *System) now() time.Time {
	if s.o.Wall != nil {
		return s.o.Wall()
	}
	return time.Now()
}

func (s *System) clearingFiles() ([]audit.File, error) {
	root := s.FS.PathJoin(s.Config.Data, "clearing")
	dates, err := s.FS.List(root)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, date := range dates {
		names, err := s.FS.List(s.FS.PathJoin(root, date))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			paths = append(paths, s.FS.PathJoin(root, date, name))
		}
	}
	return audit.FilesOf(paths, func(path string) audit.Open {
		return func(context.Context) (io.ReadCloser, error) { return s.FS.Open(path) }
	}), nil
}
