export default {
  // Left as it is: it reads files of its own.
  serverExternalPackages: ['readdress'],
};
