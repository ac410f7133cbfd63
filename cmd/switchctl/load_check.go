package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen/scenario"
)

// newLoadCheckCmd is `switchctl load check`.
func newLoadCheckCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE...",
		Short: "Hold scenarios to what is expected of them",
		Long: `Check reads scenarios as load --scenario does, and says of each what it would drive, or what is wrong,
with the line. It sends nothing. Exit codes: 0 all can be driven; 2 one cannot.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range args {
				p, err := scenario.Load(name)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %s\n", name, p.Name, courseOf(p))
			}
			return nil
		},
	}
}

// courseOf is what a plan drives, in a line.
func courseOf(p *scenario.Plan) string {
	load := fmt.Sprintf("%d flows in flight", p.Closed)
	switch {
	case p.Moments != nil:
		load = fmt.Sprintf("%d flows as in a file", len(p.Moments))
	case p.Closed == 0:
		due := 0.0
		for _, s := range p.Stages {
			due += (s.From + s.To) / 2 * s.For.Seconds()
		}
		load = fmt.Sprintf("about %.0f %s in %d stages", due, p.RateOf, len(p.Marks))
	}
	return fmt.Sprintf("%s for %s; %.2f requests a flow: %s; %d faults, %d thresholds",
		load, p.Duration, p.PerFlow, strings.Join(p.Operations, ", "), len(p.Faults), len(p.Thresholds))
}
