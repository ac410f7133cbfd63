package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/holidays"
)

// newClearingHolidaysCmd is `switchctl clearing holidays`.
func newClearingHolidaysCmd() *cobra.Command {
	var year int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "holidays NAME",
		Short: "List the holidays of TARGET or a country, as clearing.no_settlement has them",
		Long: `List the holidays of a year that a calendar of clearing.no_settlement has: those of TARGET, or of a country by its
two letters (ISO 3166). A switch has those of its own version.`,
		Example:           `  switchctl clearing holidays TARGET --year 2027`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completion.Args(holidays.Names()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			if year < holidays.FirstYear || year > holidays.LastYear {
				return fmt.Errorf("--year %d: expected %d to %d", year, holidays.FirstYear, holidays.LastYear)
			}
			calendar, err := holidays.Open(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), calendar.Year(year))
			}
			for _, h := range calendar.Year(year) {
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", h.Date, h.Name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&year, "year", time.Now().Year(), "which year")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}
