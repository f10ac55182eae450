// Command compose-model prints, as JSON, the project that `docker compose ARGUMENTS up` would start:
// read by the library that Compose itself uses, with variables filled in, services of inactive
// profiles left out, and the model's consistency checked.
//
// Usage: compose-model [--env-file FILE]... [--profile NAME]...
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

// several is an option that can be given more than once.
type several []string

func (s *several) String() string { return fmt.Sprint(*s) }

func (s *several) Set(value string) error {
	*s = append(*s, value)
	return nil
}

func main() {
	var envFiles, profiles several
	flag.Var(&envFiles, "env-file", "a file with variables")
	flag.Var(&profiles, "profile", "a profile besides those of COMPOSE_PROFILES")
	flag.Parse()
	model, err := load(envFiles, profiles)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compose-model:", err)
		os.Exit(1)
	}
	fmt.Println(string(model))
}

// load leaves the caller's environment and .env file out on purpose: a newcomer has neither.
func load(envFiles, profiles []string) ([]byte, error) {
	options, err := cli.NewProjectOptions(
		nil,
		func(o *cli.ProjectOptions) error {
			o.EnvFiles = envFiles
			return nil
		},
		cli.WithDotEnv,
		// COMPOSE_FILE of such a file.
		cli.WithConfigFileEnv,
		cli.WithDefaultConfigPath,
		cli.WithDefaultProfiles(profiles...),
	)
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return project.MarshalJSON()
}
