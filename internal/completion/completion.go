// Package completion says what shells complete on the command line of a program: the values of flags that have some,
// files and folders where a flag or an argument names one, and nothing elsewhere, where a shell left alone would offer
// the files at hand.
//
// A flag whose value is a file or a folder says so where its help names the value: `file` or `folder`, in backquotes.
package completion

import (
	"regexp"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Flag has shells complete the value of a flag with values alone.
func Flag(cmd *cobra.Command, flag string, values ...string) {
	offer(cmd, flag, cobra.ShellCompDirectiveNoFileComp, values)
}

// FlagOrFile has them complete it with values and with files, where one's own may stand.
func FlagOrFile(cmd *cobra.Command, flag string, values ...string) {
	offer(cmd, flag, cobra.ShellCompDirectiveDefault, values)
}

func offer(cmd *cobra.Command, flag string, more cobra.ShellCompDirective, values []string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, more)); err != nil {
		panic(err) // the command has no such flag, or it is offered twice
	}
}

// Args has shells complete each argument with values alone.
func Args(values ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

// ArgsOrFiles has them complete it with values and with files.
func ArgsOrFiles(values ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveDefault)
}

// What a flag's value is called where it is completed with files or folders.
const (
	file   = "file"
	folder = "folder"
)

// filesFirst is the use of a command whose arguments are files: FILE, RUN.json, a backup, or a pair of files.
var filesFirst = regexp.MustCompile(`^\S+ (\[?FILE|[A-Z]+\.json|BACKUP|A B|IN OUT)`)

// Rest decides what shells complete of all commands of a program where nothing has been said: it is called once they
// are made.
func Rest(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, said := cmd.GetFlagCompletionFunc(f.Name); said || f.NoOptDefVal != "" {
			return
		}
		switch value, _ := pflag.UnquoteUsage(f); value {
		case file:
		case folder:
			if err := cmd.RegisterFlagCompletionFunc(f.Name, folders); err != nil {
				panic(err)
			}
		default:
			Flag(cmd, f.Name)
		}
	})
	if cmd.Runnable() && cmd.ValidArgs == nil && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
		if filesFirst.MatchString(cmd.Use) {
			cmd.ValidArgsFunction = ArgsOrFiles() // said also where it has commands below it, which alone are offered else
		}
	}
	for _, sub := range cmd.Commands() {
		Rest(sub)
	}
}

func folders(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
