package daemons

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"switchyard/internal/httpcall"
)

// Metrics are the switch's metrics that have no labels, by their names: those of the Go runtime and the process are.
func (l *Local) Metrics(ctx context.Context) (map[string]float64, error) {
	text, err := httpcall.Port{Addr: l.Switchd.At.Operator}.Read(ctx, http.MethodGet, "/metrics", nil, nil)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(name, "#") || strings.Contains(name, "{") {
			continue
		}
		v, err := strconv.ParseFloat(rest, 64)
		if err != nil {
			return nil, fmt.Errorf("metrics: %s: %q, expected a number", name, rest)
		}
		values[name] = v
	}
	return values, nil
}
