// `index.api` answers, `index.tasks` does what is due (template.yaml).
export { api, tasks } from 'readdress/lambda';
